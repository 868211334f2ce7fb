//! Bugs to plant into the simulated adapters: they show that the simulation finds such bugs.
//!
//! Patches plant bugs into production code: `tests/simulation/planted/`.

use clap::ValueEnum;

/// One planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlantedBug {
    /// The store commits a batch's checkpoint before its rows.
    CheckpointApart,
    /// The store moves a checkpoint without comparing its old value.
    CheckpointUnconditional,
    /// The store claims partitions without checking their locks.
    LockUnchecked,
    /// The store commits although its connection is closed and its checkpoint has moved.
    ZombieCommits,
    /// The store notifies other processes before the commit instead of after it.
    NotifiedBeforeCommit,
    /// The store does not load rejections, so that a duplicate is decided again.
    RejectionsNotLoaded,
    /// The store computes standings from a snapshot that is older than its lock of the ranking.
    RankingBeforeLock,
    /// The lookup reads the state before the last commit, as a lagging replica does.
    StaleLookup,
    /// The lookup accepts from absence, and does not compare the checkpoint.
    VerdictApartFromCheckpoint,
    /// The lookup takes an event below the checkpoint that no row names for accepted.
    AcceptedFromAbsence,
    /// The lookup accepts from absence, and reports the end of the log as the checkpoint.
    EndTakenForCheckpoint,
    /// The log acknowledges a record and then loses it.
    AcknowledgedBeforeAppended,
    /// The log reports "not appended" where the outcome is unknown.
    UnknownTakenForUnavailable,
    /// A reopened reader skips one record.
    ReaderSkips,
}

impl PlantedBug {
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
        Self::AcceptedFromAbsence,
        Self::EndTakenForCheckpoint,
        Self::AcknowledgedBeforeAppended,
        Self::UnknownTakenForUnavailable,
        Self::ReaderSkips,
    ];
}
