//! The parameters that a seed decides before a run: the size of the contest and the rate of faults.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The parameters of a run.
#[derive(Clone, Debug)]
pub(crate) struct RunParameters {
    pub(crate) seed: u64,
    pub(crate) partitions: u32,
    pub(crate) clients: u64,
    /// Operations of each client.
    pub(crate) operations: u64,
    /// The longest pause between two operations, in milliseconds.
    pub(crate) pause: u64,
    pub(crate) max_batch: usize,
    /// The longest usual delay of one step, in milliseconds.
    pub(crate) delay: u64,
    /// Probability that a step fails; 0 in a calm run.
    pub(crate) faults: f64,
    /// The mean time between crashes and lost locks, in milliseconds.
    pub(crate) nemesis: Option<u64>,
    /// Whether the projectors share the partitions from the start.
    pub(crate) shares: bool,
    /// Whether the read models are rebuilt during the run.
    pub(crate) rebuilds: bool,
    /// Whether the database loses its last commits during the run.
    pub(crate) forgets: bool,
    /// Whether the log gets a record that only a newer version can read.
    pub(crate) newer_record: bool,
    /// Whether the log loses records, and how.
    pub(crate) log_loss: Option<LogLoss>,
}

/// How a log loses records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogLoss {
    /// It is deleted and created again.
    CreatedAgain,
    /// One partition loses its last records, as after an unclean election.
    Cut,
}

impl RunParameters {
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let calm = rng.random_bool(0.08);
        let mut params = Self {
            seed,
            partitions: rng.random_range(1..=4),
            clients: rng.random_range(2..=4),
            operations: rng.random_range(4..=10),
            pause: if calm { 900 } else { [50, 900][rng.random_range(0..2)] },
            max_batch: if calm { 64 } else { [1, 3, 8, 64][rng.random_range(0..4)] },
            delay: if calm { 40 } else { [40, 120, 400][rng.random_range(0..3)] },
            faults: if calm { 0.0 } else { [0.01, 0.04, 0.12][rng.random_range(0..3)] },
            nemesis: (!calm && rng.random_bool(0.8)).then(|| rng.random_range(500..4_000)),
            shares: !calm && rng.random_bool(0.5),
            rebuilds: rng.random_bool(0.25),
            forgets: false,
            newer_record: false,
            log_loss: None,
        };
        if !calm {
            match rng.random_range(0..12) {
                0 => params.newer_record = true,
                1 => params.log_loss = Some(LogLoss::CreatedAgain),
                2 => params.log_loss = Some(LogLoss::Cut),
                3 | 4 => params.forgets = true,
                // Two projectors that change one artist at the same time are rare otherwise.
                5 | 6 => params.contend(),
                _ => {}
            }
        }
        params
    }

    /// Makes two projectors work at the same time, in many slow steps.
    fn contend(&mut self) {
        self.partitions = self.partitions.max(3);
        (self.shares, self.nemesis, self.faults) = (true, None, 0.01);
        (self.max_batch, self.delay, self.pause, self.operations) = (1, 400, 50, 10);
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.faults == 0.0
    }
}
