//! Where the projector keeps what it has folded: a port, so that the projector itself can be proved
//! without a database.

pub mod postgres;

use async_trait::async_trait;
use domain::contest::WorkingSetKeys;
use domain::{Changes, Contest, Position};
use infra::event_log::Record;

/// A store of read models and checkpoints, as one owner of some partitions sees it.
#[async_trait]
pub trait Store: Send {
    /// Becomes the owner of as many of the partitions 0 to `partitions` (exclusive) as nobody else
    /// owns, keeping those already owned. Returns the checkpoint of each owned partition.
    async fn claim(&mut self, partitions: u32) -> Result<Vec<Position>, StoreError>;

    /// A sign of life, due every second: an owner that gives none for long has lost its partitions.
    async fn keep_alive(&mut self) -> Result<(), StoreError>;

    /// Loads every row that `keys` names, as far as it exists.
    async fn load(&mut self, keys: &WorkingSetKeys) -> Result<Contest, StoreError>;

    /// Writes a batch's rows and its checkpoints, all or nothing.
    async fn commit(&mut self, batch: &Batch<'_>) -> Result<Committed, StoreError>;
}

/// What one step of the projector commits.
pub struct Batch<'a> {
    /// How far it moves each checkpoint.
    pub advances: &'a [Advance],
    /// The rows after folding.
    pub contest: &'a Contest,
    /// Which of them changed.
    pub changes: &'a Changes,
    /// Records that are no events.
    pub dead_letters: &'a [DeadLetter],
}

/// The move of one checkpoint. It is refused unless the checkpoint still stands at `from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance {
    /// The partition.
    pub partition: u32,
    /// The first offset folded.
    pub from: u64,
    /// The first offset not folded yet.
    pub to: u64,
}

/// A record that could not be decoded, kept whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The record.
    pub record: Record,
    /// Why.
    pub reason: String,
}

/// A batch that has been committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The revision of the ranking that it made, if it changed the ranking.
    pub ranking_revision: Option<u64>,
}

/// Why the store could not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The checkpoint is not where this owner left it: somebody else owns the partition now, or
    /// another generation is live.
    #[error("partition {0} has another owner, or another generation is live")]
    LostOwnership(u32),
    /// The store cannot be reached right now.
    #[error("the read models are unavailable: {0}")]
    Unavailable(String),
    /// A row, or a statement, is not what this version expects. Trying again won't help.
    #[error("the read models are broken: {0}")]
    Broken(String),
}
