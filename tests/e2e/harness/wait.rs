//! Waiting with a timeout.

use std::time::{Duration, Instant};

/// Bounds every wait of a test. Longer than any step takes, even on a busy machine.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Polls until there is a value; panics after [`TEST_TIMEOUT`]. `what` completes "until …".
pub(crate) async fn eventually<T>(what: &str, mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = poll().await {
            return value;
        }
        assert!(started.elapsed() < TEST_TIMEOUT, "timed out waiting until {what}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
