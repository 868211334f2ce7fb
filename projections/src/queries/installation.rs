//! The state of the installation as the database knows it, over all processes.

use std::time::Duration;

use domain::{Position, Timestamp};
use infra::database::from_bigint;
use infra::timeout::within;
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::dead_letters::{DeadLetterSummary, newest_dead_letters};
use super::handle::Queries;
use crate::checkpoint_rows;
use crate::generations::{self, GenerationState};
use crate::query_error::QueryError;

/// Dead letters that are listed.
const LISTED_DEAD_LETTERS: u32 = 10;
/// Bounds the transaction. Its statements have a bound of their own on the server.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The state of the installation at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// For each partition, the first offset that is not folded yet.
    pub checkpoints: Vec<Position>,
    /// Videos that wait for a worker, or that a worker has.
    pub queue: TranscodeQueue,
    /// How many records could not be read.
    pub dead_letters: u64,
    /// The newest of them.
    pub newest_dead_letters: Vec<DeadLetterSummary>,
    /// The number of the live generation of the read models.
    pub generation: i64,
    /// The rebuild that is running, if any.
    pub rebuild: Option<Rebuild>,
    /// Rejections of the last day by reason, the most frequent first.
    pub rejections: Vec<(String, u64)>,
}

/// The queue of videos to transcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TranscodeQueue {
    /// All of them.
    pub videos: u64,
    /// Those that a worker has.
    pub in_work: u64,
    /// How long the oldest video has been in the queue.
    pub oldest: Option<Duration>,
}

/// A generation that is being built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuild {
    /// Its number.
    pub generation: i64,
    /// Records that it has folded.
    pub folded: u64,
    /// Records that it has to fold.
    pub target: u64,
    /// When it started.
    pub begun_at: Timestamp,
}

impl Queries {
    /// The state of the installation at one moment.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn installation(&self) -> Result<Installation, QueryError> {
        let mut session = self.pool.acquire().await?;
        let read = within("installation", READ_TIMEOUT, read(&mut session)).await;
        read.map_err(QueryError::unavailable)?
    }
}

async fn read(connection: &mut PgConnection) -> Result<Installation, QueryError> {
    let mut tx = connection.begin().await?;
    sqlx::query!("set transaction isolation level repeatable read, read only")
        .execute(&mut *tx)
        .await?;
    // Operators reload this page, above all while the database is slow.
    sqlx::query!("set local statement_timeout = '2s'").execute(&mut *tx).await?;
    let live = generations::in_state(&mut tx, GenerationState::Live).await?;
    let live = live.ok_or_else(|| QueryError::broken("no generation is live"))?;
    let installation = Installation {
        checkpoints: checkpoint_rows::positions(&mut *tx).await?,
        queue: queue(&mut tx).await?,
        dead_letters: count_of_dead_letters(&mut tx).await?,
        newest_dead_letters: newest_dead_letters(&mut tx, LISTED_DEAD_LETTERS).await?,
        generation: live.number,
        rebuild: rebuild(&mut tx).await?,
        rejections: rejections(&mut tx).await?,
    };
    tx.commit().await?;
    Ok(installation)
}

async fn queue(connection: &mut PgConnection) -> Result<TranscodeQueue, QueryError> {
    let row = sqlx::query!(
        r#"select count(*) as "videos!", count(*) filter (where lease_until > now()) as "in_work!",
                extract(epoch from now() - min(queued_at))::float8 as oldest
         from transcode_jobs left join transcode_leases using (video_id)"#,
    )
    .fetch_one(connection)
    .await?;
    // The clock of the log may be ahead of the database's.
    let oldest = row.oldest.map(|seconds| Duration::from_secs_f64(seconds.max(0.0)));
    Ok(TranscodeQueue {
        videos: from_bigint(row.videos)?,
        in_work: from_bigint(row.in_work)?,
        oldest,
    })
}

async fn count_of_dead_letters(connection: &mut PgConnection) -> Result<u64, QueryError> {
    let count = sqlx::query_scalar!(r#"select count(*) as "count!" from dead_letters"#)
        .fetch_one(connection)
        .await?;
    Ok(from_bigint(count)?)
}

async fn rebuild(connection: &mut PgConnection) -> Result<Option<Rebuild>, QueryError> {
    let row = sqlx::query!(
        "select number, folded, target, begun_at from generations where state = 'building'",
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Rebuild {
        generation: row.number,
        folded: from_bigint(row.folded)?,
        target: from_bigint(row.target)?,
        begun_at: row.begun_at,
    }))
}

async fn rejections(connection: &mut PgConnection) -> Result<Vec<(String, u64)>, QueryError> {
    let rows = sqlx::query!(
        r#"select reason, count(*) as "count!" from rejections
         where rejected_at > now() - interval '1 day'
         group by reason order by count(*) desc, reason"#,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| Ok((row.reason, from_bigint(row.count)?))).collect()
}
