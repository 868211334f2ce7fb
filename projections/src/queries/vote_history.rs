//! Vote counts over time, computed from the votes themselves (ADR 0024).

use std::collections::HashMap;
use std::time::Duration;

use chrono::DateTime;
use domain::{AccountId, Timestamp};
use infra::database::from_bigint;
use infra::timeout::within;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::handle::Queries;
use crate::query_error::QueryError;

/// Steps of equal length in a history.
const STEPS: usize = 48;
/// Bounds the transaction. Its statements have a bound of their own on the server.
const HISTORY_TIMEOUT: Duration = Duration::from_secs(3);

/// Vote counts of some artists over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteHistory {
    /// When the first of their videos was published.
    pub since: Timestamp,
    /// Now.
    pub until: Timestamp,
    /// One timeline per artist, in the order of the request.
    pub timelines: Vec<VoteTimeline>,
}

/// Vote counts of an artist over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteTimeline {
    /// The artist.
    pub artist: AccountId,
    /// Their votes at the end of each step.
    pub votes: Vec<u64>,
}

impl Queries {
    /// Vote counts over time of the artists' published videos; `None` if there is no such video.
    ///
    /// Scans all votes of these videos, for at most one second. Callers cache the answer.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer in time.
    pub async fn vote_history(
        &self,
        artists: &[AccountId],
    ) -> Result<Option<VoteHistory>, QueryError> {
        let mut session = self.pool.acquire().await?;
        let history = within("vote_history", HISTORY_TIMEOUT, read(&mut session, artists)).await;
        history.map_err(QueryError::unavailable)?
    }
}

async fn read(
    connection: &mut PgConnection,
    artists: &[AccountId],
) -> Result<Option<VoteHistory>, QueryError> {
    let ids: Vec<Uuid> = artists.iter().map(|artist| artist.0).collect();
    let mut tx = connection.begin().await?;
    sqlx::query!("set local statement_timeout = '1s'").execute(&mut *tx).await?;
    let span = sqlx::query!(
        r#"select min(ended_at) as since, now() as "now!" from videos
             where owner = any($1) and status = 'processed'"#,
        &ids,
    )
    .fetch_one(&mut *tx)
    .await?;
    let Some(since) = span.since else { return Ok(None) };
    // The log's clock may be ahead of the database's.
    let until = span.now.max(since + chrono::TimeDelta::seconds(1));
    let rows = sqlx::query!(
        r#"select v.owner,
                      width_bucket(extract(epoch from b.cast_at)::float8, $2, $3, $4) as "step!",
                      count(*) as "count!"
             from videos v join votes b using (video_id)
             where v.owner = any($1) and v.status = 'processed'
             group by 1, 2"#,
        &ids,
        seconds(since),
        seconds(until),
        STEPS as i32,
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let mut steps: HashMap<Uuid, [u64; STEPS]> = HashMap::new();
    for row in rows {
        // The two clocks differ: a vote outside the range counts in the first or last step.
        let step = usize::try_from(row.step - 1).unwrap_or(0).min(STEPS - 1);
        steps.entry(row.owner).or_insert([0; STEPS])[step] += from_bigint(row.count)?;
    }
    let timeline = |artist: &AccountId| VoteTimeline {
        artist: *artist,
        votes: running_totals(steps.get(&artist.0).unwrap_or(&[0; STEPS])),
    };
    Ok(Some(VoteHistory { since, until, timelines: artists.iter().map(timeline).collect() }))
}

fn seconds(time: DateTime<chrono::Utc>) -> f64 {
    time.timestamp_micros() as f64 / 1e6
}

/// For each step, the sum of it and of all steps before.
fn running_totals(steps: &[u64; STEPS]) -> Vec<u64> {
    let sum = |total: &mut u64, step: &u64| {
        *total += step;
        Some(*total)
    };
    steps.iter().scan(0, sum).collect()
}
