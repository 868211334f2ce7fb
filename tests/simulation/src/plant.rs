//! Bugs that can be planted into the simulated adapters, to show that the simulation would find them.
//!
//! Bugs of production code itself are planted by patches: `tests/simulation/planted/`.

use clap::ValueEnum;

/// One planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Plant {
    /// The store commits a batch's checkpoint apart from its rows.
    CheckpointApart,
    /// The store moves a checkpoint wherever it stands.
    CheckpointUnconditional,
    /// The store claims partitions without looking at their locks.
    LockUnchecked,
    /// The store commits although its connection is gone, and its checkpoint has been moved.
    ZombieCommits,
    /// The store tells the others of a batch before it has committed, and not again.
    NotifiedBeforeCommit,
    /// The store does not load rejections, so that a rejected event is decided again.
    RejectionsNotLoaded,
    /// The store computes standings from what it saw before it held the lock of the ranking.
    RankingBeforeLock,
    /// The lookup answers from before the last commit, as a lagging replica would.
    StaleLookup,
    /// The lookup does not look at the checkpoint when it reads verdicts.
    VerdictApartFromCheckpoint,
    /// The lookup takes the end of the log for the checkpoint.
    EndTakenForCheckpoint,
    /// The log acknowledges a record that it then loses.
    AcknowledgedBeforeAppended,
    /// The log says "not appended" when it cannot know.
    UnknownTakenForUnavailable,
    /// A reader that is opened again begins one record too late.
    ReaderSkips,
}

impl Plant {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::CheckpointApart,
        Self::CheckpointUnconditional,
        Self::LockUnchecked,
        Self::ZombieCommits,
        Self::NotifiedBeforeCommit,
        Self::RejectionsNotLoaded,
        Self::RankingBeforeLock,
        Self::StaleLookup,
        Self::VerdictApartFromCheckpoint,
        Self::EndTakenForCheckpoint,
        Self::AcknowledgedBeforeAppended,
        Self::UnknownTakenForUnavailable,
        Self::ReaderSkips,
    ];
}
