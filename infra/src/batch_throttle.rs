//! A minimum interval between small batches, as the linger of a Kafka producer.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The interval between the starts of two small batches. A batch costs some round trips and a commit,
/// even if it holds one item. The first batch after a pause starts at once.
const MIN_INTERVAL: Duration = Duration::from_millis(5);
/// A batch with fewer items is small. Under load a few early items make a small batch between large ones,
/// and a wait would delay all others. So only the second small batch in a row delays the next one.
const SMALL_BATCH: usize = 32;

/// Collects single items into fewer batches while the load is low.
#[derive(Debug)]
pub struct BatchThrottle {
    next_start: Instant,
    last_size: usize,
}

impl Default for BatchThrottle {
    fn default() -> Self {
        Self { next_start: Instant::now(), last_size: 0 }
    }
}

impl BatchThrottle {
    /// Waits until the next batch may begin. Cancel-safe.
    pub async fn wait(&self) {
        // A timer that is already due still takes up to a millisecond.
        if self.next_start > Instant::now() {
            sleep_until(self.next_start).await;
        }
    }

    /// Records that a batch of `size` items begins now.
    pub fn begin(&mut self, size: usize) {
        self.next_start = Instant::now();
        if size.max(self.last_size) < SMALL_BATCH {
            self.next_start += MIN_INTERVAL;
        }
        self.last_size = size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn waits(throttle: &BatchThrottle) -> bool {
        let started = Instant::now();
        throttle.wait().await;
        !started.elapsed().is_zero()
    }

    #[tokio::test(start_paused = true)]
    async fn only_two_small_batches_in_a_row_delay_the_next() {
        let mut throttle = BatchThrottle::default();
        let mut delayed = Vec::new();
        for size in [1, 1, 100, 1, 100, 1, 1, SMALL_BATCH] {
            throttle.begin(size);
            delayed.push(waits(&throttle).await);
        }
        assert_eq!(delayed, [true, true, false, false, false, false, true, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_batch_after_a_pause_starts_at_once() {
        let mut throttle = BatchThrottle::default();
        assert!(!waits(&throttle).await);
        throttle.begin(1);
        tokio::time::advance(MIN_INTERVAL).await;
        assert!(!waits(&throttle).await);
    }
}
