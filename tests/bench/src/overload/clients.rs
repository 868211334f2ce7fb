//! Clients that send a request again when the server rejects it.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use http::StatusCode;
use tokio::time::{Instant, sleep, timeout_at};

use crate::client::{Connection, Request};
use crate::load::{Load, Window};

/// What a client does after a 503.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryPolicy {
    /// Waits as long as `Retry-After` says.
    HonourRetryAfter,
    /// Sends the request again at once.
    Immediate,
}

/// Answers per second.
#[derive(Clone, Copy, Default)]
pub(super) struct Throughput {
    pub(super) served: f64,
    pub(super) rejected: f64,
}

#[derive(Default)]
struct Count {
    served: u64,
    rejected: u64,
}

impl RetryPolicy {
    /// Each client sends what `next` returns until the answer is `status`, then the next request.
    pub(super) async fn drive<F>(
        self,
        load: Load,
        address: SocketAddr,
        status: StatusCode,
        next: F,
    ) -> Result<Throughput>
    where
        F: Fn() -> Result<Request> + Clone + Send + 'static,
    {
        let client =
            |connection, window| self.keep_asking(connection, status, next.clone(), window);
        let counts = load.run(address, client).await?;
        let per_second = |of: fn(&Count) -> u64| load.per_second(counts.iter().map(of).sum());
        Ok(Throughput {
            served: per_second(|count| count.served),
            rejected: per_second(|count| count.rejected),
        })
    }

    async fn keep_asking(
        self,
        mut connection: Connection,
        status: StatusCode,
        next: impl Fn() -> Result<Request>,
        Window { begin, end }: Window,
    ) -> Result<Count> {
        let mut count = Count::default();
        let mut request = next()?;
        while Instant::now() < end {
            let Ok(answer) = timeout_at(end, connection.send(request.clone())).await else { break };
            let answer = answer?;
            let counts = u64::from(Instant::now() >= begin);
            match answer.status {
                StatusCode::SERVICE_UNAVAILABLE => {
                    count.rejected += counts;
                    let after = answer.retry_after.context("a 503 without Retry-After")?;
                    if self == Self::HonourRetryAfter {
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
