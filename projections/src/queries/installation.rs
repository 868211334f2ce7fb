//! How the installation fares, as far as the database knows: all processes, not only this one.

use std::time::Duration;

use domain::{Position, Timestamp};
use sqlx::postgres::PgConnection;

use super::dead_letters::{DeadLetterSummary, newest_dead_letters};
use super::{Queries, QueryError, unsigned};
use crate::generations::{self, State};

/// So many dead letters are shown.
const SHOWN: u32 = 10;

/// How the installation fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// How far each partition is folded, by their numbers.
    pub checkpoints: Vec<Position>,
    /// Videos that wait for a worker, or are with one.
    pub queue: TranscodeQueue,
    /// How many records could not be read.
    pub dead_letters: u64,
    /// The newest of them.
    pub newest_dead_letters: Vec<DeadLetterSummary>,
    /// Which generation of the read models is live.
    pub generation: i64,
    /// The generation that is being built beside it, if there is one.
    pub rebuild: Option<Rebuild>,
    /// What was rejected within the last day, by reason, the most frequent first.
    pub rejections: Vec<(String, u64)>,
}

/// Videos that are not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TranscodeQueue {
    /// All of them.
    pub videos: u64,
    /// Those that a worker has.
    pub in_work: u64,
    /// For how long the oldest has been there.
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
    /// When it was begun.
    pub begun_at: Timestamp,
}

impl Queries {
    /// How the installation fares at one moment.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn installation(&self) -> Result<Installation, QueryError> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("set transaction isolation level repeatable read, read only")
            .execute(&mut *tx)
            .await?;
        // Whoever looks, looks again soon, and most of all when things are slow already.
        sqlx::query("set local statement_timeout = '2s'").execute(&mut *tx).await?;
        let live = generations::in_state(&mut tx, State::Live).await?;
        let live = live.ok_or_else(|| QueryError::Broken("no generation is live".to_owned()))?;
        let installation = Installation {
            checkpoints: checkpoints(&mut tx).await?,
            queue: queue(&mut tx).await?,
            dead_letters: count_of_dead_letters(&mut tx).await?,
            newest_dead_letters: newest_dead_letters(&mut tx, SHOWN).await?,
            generation: live.number,
            rebuild: rebuild(&mut tx).await?,
            rejections: rejections(&mut tx).await?,
        };
        tx.commit().await?;
        Ok(installation)
    }
}

async fn checkpoints(connection: &mut PgConnection) -> Result<Vec<Position>, QueryError> {
    let sql = "select partition, next_offset from checkpoints order by partition";
    let rows: Vec<(i32, i64)> = sqlx::query_as(sql).fetch_all(connection).await?;
    let position = |(partition, offset): (i32, i64)| {
        let partition = u32::try_from(partition)
            .map_err(|_| QueryError::Broken("a negative partition".to_owned()))?;
        Ok(Position { partition, offset: unsigned(offset)? })
    };
    rows.into_iter().map(position).collect()
}

async fn queue(connection: &mut PgConnection) -> Result<TranscodeQueue, QueryError> {
    let (videos, in_work, oldest): (i64, i64, Option<f64>) = sqlx::query_as(
        "select count(*), count(*) filter (where lease_until > now()),
                extract(epoch from now() - min(queued_at))::float8
         from transcode_jobs left join transcode_leases using (video_id)",
    )
    .fetch_one(connection)
    .await?;
    // The clock of the log may be a little ahead of the database's.
    let oldest = oldest.map(|seconds| Duration::from_secs_f64(seconds.max(0.0)));
    Ok(TranscodeQueue { videos: unsigned(videos)?, in_work: unsigned(in_work)?, oldest })
}

async fn count_of_dead_letters(connection: &mut PgConnection) -> Result<u64, QueryError> {
    let count =
        sqlx::query_scalar("select count(*) from dead_letters").fetch_one(connection).await?;
    unsigned(count)
}

async fn rebuild(connection: &mut PgConnection) -> Result<Option<Rebuild>, QueryError> {
    let row: Option<(i64, i64, i64, Timestamp)> = sqlx::query_as(
        "select number, folded, target, begun_at from generations where state = 'building'",
    )
    .fetch_optional(connection)
    .await?;
    let Some((generation, folded, target, begun_at)) = row else { return Ok(None) };
    let (folded, target) = (unsigned(folded)?, unsigned(target)?);
    Ok(Some(Rebuild { generation, folded, target, begun_at }))
}

async fn rejections(connection: &mut PgConnection) -> Result<Vec<(String, u64)>, QueryError> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select reason, count(*) from rejections where rejected_at > now() - interval '1 day'
         group by reason order by count(*) desc, reason",
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|(reason, count)| Ok((reason, unsigned(count)?))).collect()
}
