//! Why a projector stops or restarts.

use domain::Position;
use infra::event_log::ReadError;

use super::state::HeldPartition;
use crate::log_check::{LogCheckError, LogMismatch};
use crate::store::StoreError;

/// Why the projector stopped or restarts.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The log is not the one that was folded.
    #[error(transparent)]
    OtherLog(#[from] LogMismatch),
    /// A rebuild cannot read a record.
    #[error("the log cannot be folded to its end: {0}")]
    Newer(HeldPartition),
    /// The log lacks a record, or returns one again.
    #[error("the log has a gap: {next} comes next, and offset {found} was read")]
    Gap {
        /// The expected position.
        next: Position,
        /// The offset that was read.
        found: u64,
    },
    /// The read models cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A defect in the fold: it panicked. The batch was not committed.
    #[error("the fold failed on a record from {from} on: {panic}")]
    Fold {
        /// The position of the first record of the batch.
        from: Position,
        /// Its message.
        panic: String,
    },
}

impl ProjectionError {
    /// Whether a retry can help.
    pub(super) fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Log(ReadError::Unavailable(_))
                | Self::Store(StoreError::Unavailable(_) | StoreError::LostOwnership(_))
        ) || matches!(self, Self::Gap { next, found } if *found < next.offset)
    }
}

impl From<LogCheckError> for ProjectionError {
    fn from(error: LogCheckError) -> Self {
        match error {
            LogCheckError::Log(error) => Self::Log(error),
            LogCheckError::Mismatch(mismatch) => Self::OtherLog(mismatch),
        }
    }
}
