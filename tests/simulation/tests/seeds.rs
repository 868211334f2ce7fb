//! Ten thousand runs in which everything must hold, and runs with a planted bug in which it must not.

use simulation::{Plant, run, sweep};

const SEEDS: u64 = 10_000;
const THREADS: usize = 2;
/// Within so many seeds every planted bug must be found: those that every test run goes through. Most
/// are found within a few; two projectors that meet at one artist are rare.
const BUDGET: u64 = SEEDS;

#[test]
fn ten_thousand_seeds_hold() {
    let swept = sweep(0, None, THREADS, |number| number < SEEDS);
    if let Some(found) = swept.found {
        panic!("{}", found.failure);
    }
    assert_eq!(swept.seeds, SEEDS);
    assert!(swept.records > 10 * SEEDS && swept.answers > 10 * SEEDS, "nothing happens: {swept:?}");
}

#[test]
fn every_planted_bug_is_found() {
    let mut missed = Vec::new();
    for plant in Plant::ALL {
        match sweep(0, Some(*plant), THREADS, |number| number < BUDGET).found {
            Some(found) => println!("{plant:?} after {} seeds", found.after),
            None => missed.push(plant),
        }
    }
    assert!(missed.is_empty(), "not found within {BUDGET} seeds: {missed:?}");
}

#[test]
fn a_seed_does_the_same_every_time() {
    for seed in 0..40 {
        assert_eq!(run(seed, None, false), run(seed, None, false), "seed {seed}");
    }
    // A failure, too, must be the same when it is replayed.
    let plant = Some(Plant::RejectionsNotLoaded);
    for seed in 0..40 {
        assert_eq!(run(seed, plant, false).is_ok(), run(seed, plant, false).is_ok(), "seed {seed}");
    }
}
