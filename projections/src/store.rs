//! The store of the projector: a port, so that the projector can be tested without a database.

pub mod postgres;

use std::error::Error;

use async_trait::async_trait;
use domain::contest::WorkingSetKeys;
use domain::{Changes, Contest, Position};
use infra::cause::{Cause, cause};
use infra::database::is_transient;
use infra::event_log::{LogIdentity, Record};
use uuid::Uuid;

/// A store of read models and checkpoints, as one owner of partitions uses it.
#[async_trait]
pub trait Store: Send {
    /// Becomes the owner of those of `partitions` that have no other owner, and gives up all others.
    async fn claim(&mut self, partitions: &[u32]) -> Result<Claimed, StoreError>;

    /// A heartbeat, due every second. An owner without one for long loses its partitions.
    async fn keep_alive(&mut self) -> Result<(), StoreError>;

    /// Loads the rows that `keys` names and that exist.
    async fn load(&mut self, keys: &WorkingSetKeys) -> Result<Contest, StoreError>;

    /// Writes a batch's rows and its checkpoints, all or nothing.
    async fn commit(&mut self, batch: &Batch<'_>) -> Result<Committed, StoreError>;
}

/// The partitions of an owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// The checkpoint of each owned partition.
    pub owned: Vec<Checkpoint>,
    /// The logs that all partitions were folded from, owned or not. In good order there is one at most.
    pub folded_logs: Vec<LogIdentity>,
}

/// How far a partition is folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The first offset that is not folded yet.
    pub next: Position,
    /// The record before it. `None` if no record is folded, or if a version that did not store it folded
    /// the record.
    pub last: Option<FoldedRecord>,
}

/// The last record of a partition that was folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldedRecord {
    /// The log that it stood in.
    pub log: LogIdentity,
    /// Its fingerprint.
    pub fingerprint: Uuid,
}

/// What one step of the projector commits.
pub struct Batch<'a> {
    /// The log that the records come from.
    pub log: &'a LogIdentity,
    /// The moves of the checkpoints.
    pub advances: &'a [Advance],
    /// The rows after folding.
    pub contest: &'a Contest,
    /// Which of them changed.
    pub changes: &'a Changes,
    /// Records that could not be decoded.
    pub dead_letters: &'a [DeadLetter],
}

/// The move of one checkpoint. The store refuses it unless the checkpoint is still at `from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance {
    /// The partition.
    pub partition: u32,
    /// The first offset folded.
    pub from: u64,
    /// The first offset not folded yet.
    pub to: u64,
    /// The fingerprint of the last record that was folded.
    pub last: Uuid,
}

/// A dead letter: a record that could not be decoded, with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The record.
    pub record: Record,
    /// Why it could not be decoded.
    pub reason: String,
}

/// A batch that has been committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The new revision of the ranking, if the batch changed it.
    pub ranking_revision: Option<u64>,
}

/// Why the store failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The checkpoint is not where this owner left it: another process owns the partition now, or
    /// another generation is live.
    #[error("partition {0} has another owner, or another generation is live")]
    LostOwnership(u32),
    /// The store cannot be reached now.
    #[error("the read models are unavailable: {0}")]
    Unavailable(#[source] Cause),
    /// A row or a statement is not what this version expects. A retry does not help.
    #[error("the read models are broken: {0}")]
    Broken(#[source] Cause),
}

impl StoreError {
    /// The store cannot be reached now, for this reason.
    pub fn unavailable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause(error))
    }

    /// A row or a statement is not what this version expects, for this reason.
    pub fn broken(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Broken(cause(error))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_transient(&error) { Self::unavailable(error) } else { Self::broken(error) }
    }
}
