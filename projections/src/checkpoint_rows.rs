//! Rows of `checkpoints`.

use domain::Position;
use infra::database::{from_bigint, from_int};
use sqlx::PgExecutor;

/// A row of `checkpoints`.
pub(crate) struct CheckpointRow {
    pub(crate) partition: i32,
    pub(crate) next_offset: i64,
}

impl CheckpointRow {
    /// The first offset of the partition that is not folded yet.
    pub(crate) fn position(self) -> Result<Position, sqlx::Error> {
        let offset = from_bigint(self.next_offset)?;
        Ok(Position { partition: from_int(self.partition)?, offset })
    }
}

/// All checkpoints, by partition.
pub(crate) async fn all(executor: impl PgExecutor<'_>) -> Result<Vec<Position>, sqlx::Error> {
    let rows = sqlx::query_as!(
        CheckpointRow,
        "select partition, next_offset from checkpoints order by partition",
    )
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(CheckpointRow::position).collect()
}
