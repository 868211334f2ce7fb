//! The load generator. Each connection has one request in flight at all times.

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

/// The time during which answers count.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub(crate) begin: Instant,
    pub(crate) end: Instant,
}

impl Load {
    /// Sends what `next` returns and expects 200. Returns the answers per second.
    pub(crate) async fn drive<F>(self, address: SocketAddr, next: F) -> Result<f64>
    where
        F: Fn() -> Result<Request> + Clone + Send + 'static,
    {
        let client = |connection, window| keep_busy(connection, next.clone(), window);
        let answers: u64 = self.run(address, client).await?.into_iter().sum();
        Ok(self.per_second(answers))
    }

    /// Runs one `client` per connection, all at the same time. Returns what each counted.
    pub(crate) async fn run<T, F>(
        self,
        address: SocketAddr,
        client: impl Fn(Connection, Window) -> F,
    ) -> Result<Vec<T>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let mut connections = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            connections.push(Connection::open(address).await.context("cannot connect")?);
        }
        let begin = Instant::now() + self.warm_up;
        let window = Window { begin, end: begin + self.measured };
        let mut clients = JoinSet::new();
        for connection in connections {
            clients.spawn(client(connection, window));
        }
        clients.join_all().await.into_iter().collect()
    }

    pub(crate) fn per_second(self, count: u64) -> f64 {
        count as f64 / self.measured.as_secs_f64()
    }
}

/// Returns how many answers came within the window.
async fn keep_busy(
    mut connection: Connection,
    next: impl Fn() -> Result<Request>,
    window: Window,
) -> Result<u64> {
    let mut counted = 0;
    loop {
        connection.send(next()?).await?.expect(StatusCode::OK)?;
        let now = Instant::now();
        if now >= window.end {
            return Ok(counted);
        }
        counted += u64::from(now >= window.begin);
    }
}
