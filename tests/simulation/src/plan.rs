//! What a seed decides before a run begins: how large the contest is and how much goes wrong.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The plan of a run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) partitions: u32,
    pub(crate) clients: u64,
    /// Acts of each client.
    pub(crate) acts: u64,
    /// The longest pause between two of them, in milliseconds.
    pub(crate) pause: u64,
    pub(crate) max_batch: usize,
    /// The longest usual delay of one step, in milliseconds.
    pub(crate) delay: u64,
    /// How likely a step meets a fault; nothing at all goes wrong in a calm run.
    pub(crate) faults: f64,
    /// The mean time between crashes and lost locks, in milliseconds.
    pub(crate) nemesis: Option<u64>,
    /// Whether projectors share the partitions from the beginning.
    pub(crate) shares: bool,
    /// Whether the read models are rebuilt in the middle of it all.
    pub(crate) rebuilds: bool,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let calm = dice.random_bool(0.08);
        Self {
            seed,
            partitions: dice.random_range(1..=4),
            clients: dice.random_range(2..=4),
            acts: dice.random_range(4..=10),
            pause: if calm { 900 } else { [50, 900][dice.random_range(0..2)] },
            max_batch: if calm { 64 } else { [1, 3, 8, 64][dice.random_range(0..4)] },
            delay: if calm { 40 } else { [40, 120, 400][dice.random_range(0..3)] },
            faults: if calm { 0.0 } else { [0.01, 0.04, 0.12][dice.random_range(0..3)] },
            nemesis: (!calm && dice.random_bool(0.8)).then(|| dice.random_range(500..4_000)),
            shares: !calm && dice.random_bool(0.5),
            rebuilds: dice.random_bool(0.25),
        }
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.faults == 0.0
    }
}
