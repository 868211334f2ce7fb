//! A circuit breaker for the appends to each partition.
//!
//! An append to a partition without a leader holds its caller until the library gives up. Under load such
//! callers would take all permits of the commands, and so stop the other partitions, too.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often one append tries a partition that has timed out. It succeeds as soon as there is a leader.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// The value of a closed breaker: appends pass.
const CLOSED: u64 = 0;

/// The breakers of all partitions. Each is [`CLOSED`], or the millisecond at which one append may try.
pub(super) struct CircuitBreakers {
    started: Instant,
    breakers: Vec<AtomicU64>,
}

impl CircuitBreakers {
    pub(super) fn new(partitions: u32) -> Self {
        let breakers = (0..partitions).map(|_| AtomicU64::new(CLOSED)).collect();
        Self { started: Instant::now(), breakers }
    }

    /// Whether an append to the partition may try now.
    pub(super) fn admits(&self, partition: u32) -> bool {
        self.breaker(partition).is_none_or(|breaker| admits(breaker, self.now()))
    }

    /// An append to the partition was acknowledged.
    pub(super) fn succeeded(&self, partition: u32) {
        // Reading first keeps the cache line shared between appends that succeed.
        let open = |breaker: &&AtomicU64| breaker.load(Ordering::Relaxed) != CLOSED;
        if let Some(breaker) = self.breaker(partition).filter(open) {
            breaker.store(CLOSED, Ordering::Relaxed);
        }
    }

    /// An append to the partition timed out.
    pub(super) fn timed_out(&self, partition: u32) {
        if let Some(breaker) = self.breaker(partition) {
            breaker.store(self.now() + millis(PROBE_INTERVAL), Ordering::Relaxed);
        }
    }

    fn breaker(&self, partition: u32) -> Option<&AtomicU64> {
        self.breakers.get(usize::try_from(partition).ok()?)
    }

    fn now(&self) -> u64 {
        millis(self.started.elapsed())
    }
}

/// Of the callers that come after the time of the next probe, one passes.
fn admits(breaker: &AtomicU64, now: u64) -> bool {
    let probe_at = breaker.load(Ordering::Relaxed);
    if probe_at == CLOSED {
        return true;
    }
    let next = now + millis(PROBE_INTERVAL);
    now >= probe_at
        && breaker.compare_exchange(probe_at, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_append_per_interval_tries_a_partition_that_timed_out() {
        let breaker = AtomicU64::new(5_000);
        assert!(!admits(&breaker, 4_999));
        assert!(admits(&breaker, 5_000), "the probe");
        assert!(!admits(&breaker, 5_000) && !admits(&breaker, 5_999), "one at a time");
        assert!(admits(&breaker, 6_000));
    }

    #[test]
    fn a_partition_that_timed_out_stops_no_other() {
        let breakers = CircuitBreakers::new(2);
        breakers.timed_out(1);
        assert!(breakers.admits(0) && !breakers.admits(1));
        breakers.succeeded(1);
        assert!(breakers.admits(1));
    }
}
