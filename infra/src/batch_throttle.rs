//! When the next batch begins.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A batch costs some round trips and a commit however little is in it. So while there is little to do,
/// batches begin no sooner than this one after the other. The first after a pause has no wait.
const PACE: Duration = Duration::from_millis(5);
/// While there is much to do, a few who are early make a small batch between large ones, and a wait
/// would hold up everybody else. So it takes two in a row that are smaller than this.
const SMALL: usize = 32;

/// Gathers what comes one by one into fewer batches.
#[derive(Debug)]
pub struct BatchThrottle {
    next: Instant,
    before: usize,
}

impl Default for BatchThrottle {
    fn default() -> Self {
        Self { next: Instant::now(), before: 0 }
    }
}

impl BatchThrottle {
    /// Until the next batch may begin. May be given up and waited for again.
    pub async fn wait(&self) {
        // A timer that is due already takes up to a millisecond all the same.
        if self.next > Instant::now() {
            sleep_until(self.next).await;
        }
    }

    /// A batch of so many begins.
    pub fn begin(&mut self, size: usize) {
        self.next = Instant::now();
        if size.max(self.before) < SMALL {
            self.next += PACE;
        }
        self.before = size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn waits(pace: &BatchThrottle) -> bool {
        let started = Instant::now();
        pace.wait().await;
        !started.elapsed().is_zero()
    }

    #[tokio::test(start_paused = true)]
    async fn only_small_batches_in_a_row_are_kept_apart() {
        let mut pace = BatchThrottle::default();
        let mut kept_apart = Vec::new();
        for size in [1, 1, 100, 1, 100, 1, 1, SMALL] {
            pace.begin(size);
            kept_apart.push(waits(&pace).await);
        }
        assert_eq!(kept_apart, [true, true, false, false, false, false, true, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_after_a_pause_has_no_wait() {
        let mut pace = BatchThrottle::default();
        assert!(!waits(&pace).await);
        pace.begin(1);
        tokio::time::advance(PACE).await;
        assert!(!waits(&pace).await);
    }
}
