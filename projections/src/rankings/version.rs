//! Versions of the boards in this process.

use std::time::{Duration, Instant};

/// One state of the boards in this process.
///
/// The number counts states, not revisions of the ranking. It never repeats, even if a crash takes the
/// database back to an older revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoardsVersion {
    /// Counted from 1.
    pub number: u64,
    since: Instant,
}

impl BoardsVersion {
    /// A version that begins now.
    pub fn new(number: u64) -> Self {
        Self::since(number, Instant::now())
    }

    /// A version that began at `since`.
    pub fn since(number: u64, since: Instant) -> Self {
        Self { number, since }
    }

    /// How long ago this version replaced the one before.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }
}
