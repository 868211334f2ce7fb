//! Rows of `checkpoints`.

use domain::Position;
use infra::database::{from_bigint, from_int};
use infra::event_log::LogIdentity;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::store::{Checkpoint, FoldedRecord};

/// A row of `checkpoints`.
pub(crate) struct CheckpointRow {
    pub(crate) partition: i32,
    pub(crate) next_offset: i64,
    pub(crate) log_identity: Option<String>,
    pub(crate) last_record: Option<Uuid>,
    pub(crate) identified_offset: Option<i64>,
}

impl CheckpointRow {
    pub(crate) fn checkpoint(self) -> Result<Checkpoint, sqlx::Error> {
        let next = Position {
            partition: from_int(self.partition)?,
            offset: from_bigint(self.next_offset)?,
        };
        // An older version moves the offset and leaves the other columns behind.
        let is_current = self.identified_offset == Some(self.next_offset);
        let last = self.log_identity.zip(self.last_record).filter(|_| is_current);
        let last =
            last.map(|(log, fingerprint)| FoldedRecord { log: LogIdentity::new(log), fingerprint });
        Ok(Checkpoint { next, last })
    }
}

/// All checkpoints, by partition.
pub(crate) async fn all(executor: impl PgExecutor<'_>) -> Result<Vec<Checkpoint>, sqlx::Error> {
    let rows = sqlx::query_as!(
        CheckpointRow,
        "select partition, next_offset, log_identity, last_record, identified_offset
         from checkpoints order by partition",
    )
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(CheckpointRow::checkpoint).collect()
}

/// All checkpoints, by partition, as positions.
pub(crate) async fn positions(executor: impl PgExecutor<'_>) -> Result<Vec<Position>, sqlx::Error> {
    Ok(all(executor).await?.into_iter().map(|checkpoint| checkpoint.next).collect())
}

/// The logs that the partitions were folded from.
pub(crate) async fn folded_logs(
    executor: impl PgExecutor<'_>,
) -> Result<Vec<LogIdentity>, sqlx::Error> {
    let logs = sqlx::query_scalar!(
        r#"select distinct log_identity as "log!" from checkpoints
           where log_identity is not null and identified_offset = next_offset"#,
    )
    .fetch_all(executor)
    .await?;
    Ok(logs.into_iter().map(LogIdentity::new).collect())
}
