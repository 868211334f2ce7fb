//! Ten thousand runs without a violation, and runs with a planted bug that must violate a rule.

use simulation::{PlantedBug, run, search_seeds};

const SEEDS: u64 = 10_000;
const THREADS: usize = 2;
/// Bounds the search for a planted bug: the seeds of every test run. Most bugs need a few seeds; two
/// projectors that change one artist at the same time are rare.
const BUDGET: u64 = SEEDS;

#[test]
fn ten_thousand_seeds_violate_nothing() {
    let search = search_seeds(0, None, THREADS, |number| number < SEEDS);
    if let Some(found) = search.found {
        panic!("{}", found.failure);
    }
    assert_eq!(search.seeds, SEEDS);
    assert!(
        search.records > 10 * SEEDS && search.replies > 10 * SEEDS,
        "nothing happens: {search:?}"
    );
}

#[test]
fn every_planted_bug_is_found() {
    let mut missed = Vec::new();
    for planted in PlantedBug::ALL {
        match search_seeds(0, Some(*planted), THREADS, |number| number < BUDGET).found {
            Some(found) => println!("{planted:?} after {} seeds", found.after),
            None => missed.push(planted),
        }
    }
    assert!(missed.is_empty(), "not found within {BUDGET} seeds: {missed:?}");
}

#[test]
fn a_seed_gives_the_same_run_every_time() {
    for seed in 0..40 {
        assert_eq!(run(seed, None, false), run(seed, None, false), "seed {seed}");
    }
    // A failure must also be the same when it is replayed.
    let planted = Some(PlantedBug::RejectionsNotLoaded);
    for seed in 0..40 {
        assert_eq!(
            run(seed, planted, false).is_ok(),
            run(seed, planted, false).is_ok(),
            "seed {seed}"
        );
    }
}
