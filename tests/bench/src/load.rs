//! The load generator: so many connections, each with one request under way at all times.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use http::StatusCode;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::{Connection, Request};

#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    /// Answers during this time are checked, but not counted.
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

impl Load {
    /// Sends what `next` makes, and returns how many answers came per second.
    pub(crate) async fn drive<F>(self, address: SocketAddr, next: F) -> Result<f64>
    where
        F: Fn() -> Result<Request> + Clone + Send + 'static,
    {
        let mut connections = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            connections.push(Connection::open(address).await.context("cannot connect")?);
        }
        let begin = Instant::now() + self.warm_up;
        let mut tasks = JoinSet::new();
        for connection in connections {
            tasks.spawn(keep_busy(connection, next.clone(), begin, begin + self.measured));
        }
        let mut answers = 0;
        while let Some(counted) = tasks.join_next().await {
            answers += counted??;
        }
        Ok(answers as f64 / self.measured.as_secs_f64())
    }
}

/// Asks until `end`; returns how many answers came between `begin` and `end`.
async fn keep_busy(
    mut connection: Connection,
    next: impl Fn() -> Result<Request>,
    begin: Instant,
    end: Instant,
) -> Result<u64> {
    let mut counted = 0;
    loop {
        connection.send(next()?).await?.expect(StatusCode::OK)?;
        let now = Instant::now();
        if now >= end {
            return Ok(counted);
        }
        counted += u64::from(now >= begin);
    }
}
