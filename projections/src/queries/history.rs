//! How artists came to their votes. See ADR 0024: nothing is kept for it but the votes themselves.

use std::collections::HashMap;

use chrono::DateTime;
use domain::{AccountId, Timestamp};
use uuid::Uuid;

use super::{Queries, QueryError, unsigned};

/// Into so many steps the time is cut.
const STEPS: usize = 48;

/// How some artists came to their votes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteHistory {
    /// When the first of their videos came on stage.
    pub since: Timestamp,
    /// Now.
    pub until: Timestamp,
    /// Each artist, in the order in which they were asked for.
    pub climbs: Vec<Climb>,
}

/// How an artist came to their votes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Climb {
    /// The artist.
    pub artist: AccountId,
    /// Their votes at the end of each step, all steps being equally long.
    pub votes: Vec<u64>,
}

impl Queries {
    /// How these artists came to the votes of their published videos; `None` if they have no video.
    ///
    /// Reads every one of those votes, for a second at most. Callers keep the answer for a while.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer in time.
    pub async fn vote_history(
        &self,
        artists: &[AccountId],
    ) -> Result<Option<VoteHistory>, QueryError> {
        let ids: Vec<Uuid> = artists.iter().map(|artist| artist.0).collect();
        let mut tx = self.pool.begin().await?;
        sqlx::query("set local statement_timeout = '1s'").execute(&mut *tx).await?;
        let (since, now): (Option<Timestamp>, Timestamp) = sqlx::query_as(
            "select min(ended_at), now() from videos where owner = any($1) and status = 'processed'",
        )
        .bind(&ids)
        .fetch_one(&mut *tx)
        .await?;
        let Some(since) = since else { return Ok(None) };
        // The log's clock may be a little ahead of the database's.
        let until = now.max(since + chrono::TimeDelta::seconds(1));
        let rows: Vec<(Uuid, i32, i64)> = sqlx::query_as(
            "select v.owner, width_bucket(extract(epoch from b.cast_at)::float8, $2, $3, $4), count(*)
             from videos v join votes b using (video_id)
             where v.owner = any($1) and v.status = 'processed'
             group by 1, 2",
        )
        .bind(&ids)
        .bind(seconds(since))
        .bind(seconds(until))
        .bind(STEPS as i32)
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let mut steps: HashMap<Uuid, [u64; STEPS]> = HashMap::new();
        for (artist, step, count) in rows {
            // What lies outside, by the difference of two clocks, belongs to the first or last step.
            let step = usize::try_from(step - 1).unwrap_or(0).min(STEPS - 1);
            steps.entry(artist).or_insert([0; STEPS])[step] += unsigned(count)?;
        }
        let climb = |artist: &AccountId| Climb {
            artist: *artist,
            votes: summed(steps.get(&artist.0).unwrap_or(&[0; STEPS])),
        };
        Ok(Some(VoteHistory { since, until, climbs: artists.iter().map(climb).collect() }))
    }
}

fn seconds(time: DateTime<chrono::Utc>) -> f64 {
    time.timestamp_micros() as f64 / 1e6
}

/// Each step and all before it.
fn summed(steps: &[u64; STEPS]) -> Vec<u64> {
    let sum = |total: &mut u64, step: &u64| {
        *total += step;
        Some(*total)
    };
    steps.iter().scan(0, sum).collect()
}
