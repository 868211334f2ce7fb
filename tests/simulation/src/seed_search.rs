//! The search for a failing seed: many runs on several threads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::planted_bug::PlantedBug;
use crate::run::{Failure, run};

/// The result of many runs.
#[derive(Clone, Debug, Default)]
pub struct SeedSearch {
    /// How many seeds ran.
    pub seeds: u64,
    /// Records in all their logs.
    pub records: u64,
    /// Replies in all their histories.
    pub replies: u64,
    /// The smallest failing seed of those that ran.
    pub found: Option<FoundFailure>,
}

/// A failure, and the number of seeds until it was found.
#[derive(Clone, Debug)]
pub struct FoundFailure {
    /// The failure.
    pub failure: Failure,
    /// Seeds until then, this one included.
    pub after: u64,
}

/// Runs seeds from `first` on until one fails or `goes_on` is false for the number of a run.
pub fn search_seeds(
    first: u64,
    planted: Option<PlantedBug>,
    threads: usize,
    goes_on: impl Fn(u64) -> bool + Sync,
) -> SeedSearch {
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let search = Mutex::new(SeedSearch::default());
    let lock = || search.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if !goes_on(number) {
                break;
            }
            let outcome = run(first + number, planted, false);
            let mut search = lock();
            search.seeds += 1;
            match outcome {
                Ok(summary) => {
                    search.records += summary.records;
                    search.replies += summary.replies;
                }
                Err(failure) => {
                    stop.store(true, Ordering::Relaxed);
                    let earlier = |found: &FoundFailure| found.failure.seed < failure.seed;
                    if !search.found.as_ref().is_some_and(earlier) {
                        search.found = Some(FoundFailure { failure, after: number + 1 });
                    }
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    search.into_inner().unwrap_or_else(PoisonError::into_inner)
}
