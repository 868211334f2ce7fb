//! The state of a projector, for readiness checks.

use std::fmt;

use domain::Position;

/// A partition whose next record is newer than this version of the code. Its records wait for a newer
/// version; the other partitions go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPartition {
    /// The record.
    pub at: Position,
    /// What the record holds, and why it cannot be read.
    pub reason: String,
}

impl fmt::Display for HeldPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, reason } = self;
        write!(
            f,
            "partition {} is held at offset {}: {reason}; upgrade anb",
            at.partition, at.offset
        )
    }
}

/// What a projector is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectorState {
    /// It has not started yet.
    Starting,
    /// Other processes own every partition; this one waits to take over.
    Standby,
    /// It folds.
    Running {
        /// Records up to the end of the log that are not folded yet.
        lag: u64,
        /// Partitions that wait for a newer version.
        held: Vec<HeldPartition>,
    },
    /// A transient fault happened; it restarts soon.
    Retrying(String),
    /// A permanent fault happened: a defect, or a log that is not the one it knew. An operator must act.
    Stopped(String),
    /// It was asked to stop.
    Ended,
}
