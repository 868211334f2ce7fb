//! The bound of a wait on another machine.

use std::time::Duration;

/// The other machine did not answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer within {} ms", .0.as_millis())]
pub struct TimedOut(pub Duration);

impl From<TimedOut> for sqlx::Error {
    fn from(timed_out: TimedOut) -> Self {
        Self::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, timed_out))
    }
}

/// Waits for `future`, at most for `limit`. Counts each timeout in `anb_timeouts_total` under
/// `operation`.
///
/// A firewall can drop a connection without a word to either side. A read on it would wait for ever, and
/// a write until the kernel gives up after a quarter of an hour.
///
/// # Errors
/// [`TimedOut`]; `future` is dropped then.
pub async fn within<F: Future>(
    operation: &'static str,
    limit: Duration,
    future: F,
) -> Result<F::Output, TimedOut> {
    tokio::time::timeout(limit, future).await.map_err(|_| {
        count(operation);
        TimedOut(limit)
    })
}

/// Counts a timeout that something else has noticed.
pub(crate) fn count(operation: &'static str) {
    metrics::counter!("anb_timeouts_total", "operation" => operation).increment(1);
}
