//! Clients who come again when they are told to.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use http::StatusCode;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::client::{Connection, Request};

#[derive(Clone, Copy)]
pub(super) struct Crowd {
    pub(super) size: usize,
    pub(super) manners: Manners,
    pub(super) warm_up: Duration,
    pub(super) measured: Duration,
}

/// What somebody does who is told to come again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manners {
    /// Waits as long as `Retry-After` says.
    Waits,
    /// Comes again at once.
    Insists,
}

/// Per second.
#[derive(Clone, Copy, Default)]
pub(super) struct Outcome {
    pub(super) rate: f64,
    pub(super) refused: f64,
}

#[derive(Default)]
struct Count {
    served: u64,
    refused: u64,
}

impl Crowd {
    /// Each asks for what `next` makes, until it gets an answer of `status`, again and again.
    pub(super) async fn drive<F>(
        self,
        address: SocketAddr,
        status: StatusCode,
        next: F,
    ) -> Result<Outcome>
    where
        F: Fn() -> Result<Request> + Clone + Send + 'static,
    {
        let mut connections = Vec::with_capacity(self.size);
        for _ in 0..self.size {
            connections.push(Connection::open(address).await.context("cannot connect")?);
        }
        let begin = Instant::now() + self.warm_up;
        let end = begin + self.measured;
        let mut tasks = JoinSet::new();
        for connection in connections {
            tasks.spawn(self.manners.keep_asking(connection, status, next.clone(), begin, end));
        }
        let mut total = Count::default();
        while let Some(count) = tasks.join_next().await {
            let count = count??;
            total.served += count.served;
            total.refused += count.refused;
        }
        let per_second = |count: u64| count as f64 / self.measured.as_secs_f64();
        Ok(Outcome { rate: per_second(total.served), refused: per_second(total.refused) })
    }
}

impl Manners {
    async fn keep_asking(
        self,
        mut connection: Connection,
        status: StatusCode,
        next: impl Fn() -> Result<Request>,
        begin: Instant,
        end: Instant,
    ) -> Result<Count> {
        let mut count = Count::default();
        let mut request = next()?;
        while Instant::now() < end {
            let Ok(answer) = timeout_at(end, connection.send(request.clone())).await else { break };
            let answer = answer?;
            let counts = u64::from(Instant::now() >= begin);
            match answer.status {
                StatusCode::SERVICE_UNAVAILABLE => {
                    count.refused += counts;
                    let after = answer.retry_after.context("a 503 without Retry-After")?;
                    if self == Self::Waits {
                        sleep(after).await;
                    }
                }
                answered if answered == status => {
                    count.served += counts;
                    request = next()?;
                }
                other => bail!("the answer is {other}: {}", String::from_utf8_lossy(&answer.body)),
            }
        }
        Ok(count)
    }
}
