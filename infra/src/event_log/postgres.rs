//! The log in a table of the database: the embedded default.
//!
//! Offsets are dense. They are assigned under the row lock of their partition's head, which is held
//! until the commit, so that the order of offsets is the order of commits: whoever sees an offset
//! sees all before it.

mod append;
mod read;

use async_trait::async_trait;
use domain::Position;
use sqlx::PgPool;
use tokio::sync::oneshot;

use super::{AppendError, EventLog, LogReader, NewRecord, OpenError, ReadError};
use append::Appender;
use read::{Heads, PostgresReader};

/// The channel that wakes readers.
const CHANNEL: &str = "anb_event_log";

/// The log in Postgres.
pub struct PostgresLog {
    pool: PgPool,
    partitions: u32,
    appender: Appender,
}

impl PostgresLog {
    /// Opens the log, making its partitions the first time. The schema must be up to date.
    ///
    /// # Errors
    /// [`OpenError`]
    pub async fn open(pool: PgPool, partitions: u32) -> Result<Self, OpenError> {
        let found = make_heads(&pool, partitions).await.map_err(OpenError::unavailable)?;
        if found != i64::from(partitions) {
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            return Err(OpenError::PartitionCount { wanted: partitions, found });
        }
        let appender = Appender::start(&pool);
        Ok(Self { pool, partitions, appender })
    }
}

/// Makes the heads of an empty log, and counts those that are there.
async fn make_heads(pool: &PgPool, partitions: u32) -> Result<i64, sqlx::Error> {
    let mut tx = pool.begin().await?;
    // Two processes that start at once must not each make their own number of partitions.
    sqlx::query("lock table event_log_heads in share row exclusive mode").execute(&mut *tx).await?;
    sqlx::query(
        "insert into event_log_heads (partition)
         select p from generate_series(0, $1 - 1) as p
         where not exists (select from event_log_heads)",
    )
    .bind(partition_number(partitions))
    .execute(&mut *tx)
    .await?;
    let found =
        sqlx::query_scalar("select count(*) from event_log_heads").fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(found)
}

#[async_trait]
impl EventLog for PostgresLog {
    fn partitions(&self) -> u32 {
        self.partitions
    }

    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Position, AppendError>> {
        let queued: Vec<Result<oneshot::Receiver<_>, AppendError>> = records
            .into_iter()
            .map(|record| self.appender.queue(record, self.partitions))
            .collect();
        let mut positions = Vec::with_capacity(queued.len());
        for answer in queued {
            positions.push(match answer {
                Ok(answer) => answer
                    .await
                    .unwrap_or_else(|_| Err(AppendError::unknown("the appending task ended"))),
                Err(error) => Err(error),
            });
        }
        positions
    }

    async fn read(&self, from: &[Position]) -> Result<Box<dyn LogReader>, ReadError> {
        let reader = PostgresReader::open(&self.pool, from).await?;
        Ok(Box::new(reader))
    }

    async fn end_offsets(&self) -> Result<Vec<u64>, ReadError> {
        let heads = Heads::read(&self.pool).await.map_err(ReadError::unavailable)?;
        Ok((0..self.partitions).map(|partition| heads.end(partition)).collect())
    }
}

/// A partition as a column; there are 1,024 at most.
fn partition_number(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}

/// An offset as a column.
fn offset_number(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}
