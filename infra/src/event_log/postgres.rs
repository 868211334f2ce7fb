//! The log in a table of the database: the embedded default.
//!
//! Offsets are dense. An append assigns them under the row lock of the partition's head and holds the
//! lock until the commit. So the order of offsets is the order of commits: a reader that sees an offset
//! sees all before it.

mod appender;
mod reader;

use async_trait::async_trait;
use domain::Position;
use sqlx::{Connection, PgConnection};
use tokio::sync::oneshot;

use super::{AppendError, EventLog, LogIdentity, LogReader, NewRecord, OpenError, ReadError};
use crate::database::{Pool, to_int};
use appender::PostgresAppender;
use reader::{PartitionHeads, PostgresReader};

/// The log in Postgres.
pub struct PostgresLog {
    pool: Pool,
    partitions: u32,
    appender: PostgresAppender,
}

impl PostgresLog {
    /// Opens the log, making its partitions the first time. The schema must be up to date.
    ///
    /// # Errors
    /// [`OpenError`]
    pub async fn open(pool: Pool, partitions: u32) -> Result<Self, OpenError> {
        let found = make_heads(&pool, partitions).await.map_err(OpenError::unavailable)?;
        if found != i64::from(partitions) {
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            return Err(OpenError::PartitionCount { wanted: partitions, found });
        }
        let appender = PostgresAppender::start(&pool);
        Ok(Self { pool, partitions, appender })
    }
}

/// Makes the heads of an empty log. Returns how many heads the log has.
async fn make_heads(pool: &Pool, partitions: u32) -> Result<i64, sqlx::Error> {
    let mut session = pool.acquire().await?;
    let made = pool.bounded(make_heads_on(&mut session, partitions)).await;
    session.judge(made)
}

async fn make_heads_on(connection: &mut PgConnection, partitions: u32) -> Result<i64, sqlx::Error> {
    let mut tx = connection.begin().await?;
    // Two processes that start at once must not both make heads, with different numbers of partitions.
    sqlx::query!("lock table event_log_heads in share row exclusive mode")
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "insert into event_log_heads (partition)
         select p from generate_series(0, $1::int - 1) as p
         where not exists (select from event_log_heads)",
        to_int(partitions),
    )
    .execute(&mut *tx)
    .await?;
    let found = sqlx::query_scalar!(r#"select count(*) as "count!" from event_log_heads"#)
        .fetch_one(&mut *tx)
        .await?;
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
        let heads = PartitionHeads::read(&self.pool).await.map_err(ReadError::unavailable)?;
        Ok((0..self.partitions).map(|partition| heads.end(partition)).collect())
    }

    async fn identity(&self) -> Result<LogIdentity, ReadError> {
        let id = sqlx::query_scalar!("select id from event_log_identity")
            .fetch_one(&self.pool)
            .await
            .map_err(ReadError::unavailable)?;
        Ok(LogIdentity::new(format!("postgres log with id {id}")))
    }
}
