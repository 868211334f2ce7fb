//! Many seeds, on several threads, each run on one thread of its own.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::plant::Plant;
use crate::run::{Failure, run};

/// What many runs did.
#[derive(Clone, Debug, Default)]
pub struct Swept {
    /// How many seeds were run.
    pub seeds: u64,
    /// Records in all their logs.
    pub records: u64,
    /// Answers that clients were given.
    pub answers: u64,
    /// The first seed that found something, of those that were run.
    pub found: Option<Found>,
}

/// A failure, and how many seeds it took.
#[derive(Clone, Debug)]
pub struct Found {
    /// What was found.
    pub failure: Failure,
    /// Seeds run until then.
    pub after: u64,
}

/// Runs seeds from `first` on while `goes_on` says so of their number, until one fails.
pub fn sweep(
    first: u64,
    plant: Option<Plant>,
    threads: usize,
    goes_on: impl Fn(u64) -> bool + Sync,
) -> Swept {
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let swept = Mutex::new(Swept::default());
    let lock = || swept.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if !goes_on(number) {
                break;
            }
            let outcome = run(first + number, plant, false);
            let mut swept = lock();
            swept.seeds += 1;
            match outcome {
                Ok(summary) => {
                    swept.records += summary.records;
                    swept.answers += summary.answers;
                }
                Err(failure) => {
                    stop.store(true, Ordering::Relaxed);
                    let earlier = |found: &Found| found.failure.seed < failure.seed;
                    if !swept.found.as_ref().is_some_and(earlier) {
                        swept.found = Some(Found { failure, after: number + 1 });
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
    swept.into_inner().unwrap_or_else(PoisonError::into_inner)
}
