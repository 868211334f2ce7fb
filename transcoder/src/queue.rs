//! The queue of jobs, and the leases on them.
//!
//! Jobs are rows of `transcode_jobs`, a read model that only the projection writes. A lease is a row
//! of `transcode_leases`: who works on the job, until when without a sign of life, and how many
//! attempts there were. Owners take turns, whose last ones are in `transcode_turns`. All times are the
//! database's, so that the clocks of machines don't matter.

mod wake;

use std::time::{Duration, Instant};

use domain::{EventId, VideoId};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{PgPool, Postgres, Row};
use tokio::sync::watch;
use uuid::Uuid;

pub use wake::{Wake, listen};

/// Two workers may run for the same job; the loser tries the next one, so many times.
const CLAIM_TRIES: usize = 8;
/// A lease without a job is kept for so long: a rebuild takes all jobs away for a while.
const ORPHANS_STAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The queue cannot be used right now.
#[derive(Debug, thiserror::Error)]
#[error("the job queue is unavailable: {0}")]
pub struct QueueError(#[from] sqlx::Error);

/// The queue.
#[derive(Clone, Debug)]
pub struct Queue {
    pool: PgPool,
    lease: Duration,
}

/// A job that has been claimed, and the lease on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The video to be processed.
    pub video: VideoId,
    /// Where its original lies.
    pub original_key: String,
    /// The event that uploaded it.
    pub uploaded_by: EventId,
    /// Which attempt this is, counted from 1.
    pub attempt: u32,
    /// How often it was put back because something was away.
    pub outages: u32,
    /// How long it has been in the queue.
    pub waited: Duration,
    worker: Uuid,
}

impl Queue {
    /// The queue in this database; a lease holds for `lease` after the last sign of life.
    pub fn new(pool: PgPool, lease: Duration) -> Self {
        Self { pool, lease }
    }

    /// Claims a free job for `worker`: of the owner whose turn is longest ago, the one that was tried
    /// least and has waited longest. So neither many uploads of one artist nor a job that fails again
    /// and again keeps others waiting for more than a turn.
    ///
    /// # Errors
    /// [`QueueError`]
    pub async fn claim(&self, worker: Uuid) -> Result<Option<Job>, QueueError> {
        for _ in 0..CLAIM_TRIES {
            let row = sqlx::query(CLAIM)
                .bind(worker)
                .bind(self.lease.as_secs_f64())
                .fetch_optional(&self.pool)
                .await?;
            let Some(row) = row else { return Ok(None) };
            if row.try_get::<Option<i32>, _>("attempt")?.is_some() {
                return Ok(Some(job(&row, worker)?));
            }
        }
        Ok(None)
    }

    /// A sign of life: the lease holds on, and so much of the job is done. `false`: it is lost,
    /// another worker has the job.
    ///
    /// # Errors
    /// [`QueueError`]
    pub async fn extend(&self, job: &Job, percent: u8) -> Result<bool, QueueError> {
        let extended = of_lease(
            job,
            "update transcode_leases
             set lease_until = now() + make_interval(secs => $4), progress = $5
             where video_id = $1 and worker = $2 and attempt = $3",
        )
        .bind(self.lease.as_secs_f64())
        .bind(i16::from(percent))
        .execute(&self.pool)
        .await?;
        Ok(extended.rows_affected() == 1)
    }

    /// Gives signs of life, one every `heartbeat`, and returns when the lease is lost: taken by
    /// another worker, or run out because the database was away.
    pub async fn keep(&self, job: &Job, heartbeat: Duration, progress: watch::Receiver<u8>) {
        let mut holds_until = Instant::now() + self.lease;
        loop {
            tokio::time::sleep(heartbeat).await;
            let (asked, percent) = (Instant::now(), *progress.borrow());
            match tokio::time::timeout(heartbeat, self.extend(job, percent)).await {
                Ok(Ok(true)) => holds_until = asked + self.lease,
                Ok(Ok(false)) => return,
                Ok(Err(error)) => tracing::warn!(video = %job.video, %error, "no sign of life"),
                Err(_) => tracing::warn!(video = %job.video, "no sign of life: no answer"),
            }
            if Instant::now() + heartbeat >= holds_until {
                return;
            }
        }
    }

    /// The job is done, its row is gone: the lease goes, too.
    ///
    /// # Errors
    /// [`QueueError`]
    pub async fn finish(&self, job: &Job) -> Result<(), QueueError> {
        of_lease(
            job,
            "delete from transcode_leases where video_id = $1 and worker = $2 and attempt = $3",
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The attempt is over without an end of the job: nobody may take it again before `pause` has
    /// passed.
    ///
    /// # Errors
    /// [`QueueError`]
    pub async fn put_back(&self, job: &Job, pause: Duration) -> Result<(), QueueError> {
        of_lease(
            job,
            "update transcode_leases
             set lease_until = now(), not_before = now() + make_interval(secs => $4)
             where video_id = $1 and worker = $2 and attempt = $3",
        )
        .bind(pause.as_secs_f64())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Something was away that the job needs: the attempt does not count, but the outage does. Nobody
    /// may take the job again before `pause` has passed.
    ///
    /// # Errors
    /// [`QueueError`]
    pub async fn wait_out(&self, job: &Job, pause: Duration) -> Result<(), QueueError> {
        of_lease(
            job,
            "update transcode_leases
             set attempt = attempt - 1, outages = outages + 1,
                 lease_until = now(), not_before = now() + make_interval(secs => $4)
             where video_id = $1 and worker = $2 and attempt = $3",
        )
        .bind(pause.as_secs_f64())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The attempt was broken off through no fault of the job: it does not count, and anybody may
    /// take the job at once.
    ///
    /// # Errors
    /// [`QueueError`]
    pub async fn hand_back(&self, job: &Job) -> Result<(), QueueError> {
        of_lease(
            job,
            "update transcode_leases set attempt = attempt - 1, lease_until = now()
             where video_id = $1 and worker = $2 and attempt = $3",
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// How many jobs wait for a worker.
    ///
    /// # Errors
    /// [`QueueError`]
    pub async fn depth(&self) -> Result<u64, QueueError> {
        let depth: i64 = sqlx::query_scalar(
            "select count(*) from transcode_jobs j where not exists
                 (select from transcode_leases l
                  where l.video_id = j.video_id and l.lease_until > now())",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(u64::try_from(depth).unwrap_or(0))
    }

    /// Removes leases whose jobs have been gone for long, such as those of deleted videos, and turns
    /// of owners who have had no job for as long.
    ///
    /// # Errors
    /// [`QueueError`]
    pub async fn tidy(&self) -> Result<u64, QueueError> {
        let removed = sqlx::query(
            "with turns as (
                 delete from transcode_turns t
                 where served_at < now() - make_interval(secs => $1)
                   and not exists (select from transcode_jobs j where j.owner = t.owner)
             )
             delete from transcode_leases l
             where greatest(lease_until, not_before) < now() - make_interval(secs => $1)
               and not exists (select from transcode_jobs j where j.video_id = l.video_id)",
        )
        .bind(ORPHANS_STAY.as_secs_f64())
        .execute(&self.pool)
        .await?;
        Ok(removed.rows_affected())
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }
}

/// The row lock keeps workers off each other; but a lock leaves no trace once it is released, and
/// this statement may see the leases as they were before. So the lease itself is taken on a
/// condition, which Postgres checks on the newest version of its row. A job whose lease somebody
/// else has just taken comes back with no attempt.
const CLAIM: &str = "
    with job as (
        select j.* from transcode_jobs j
        left join transcode_leases l using (video_id)
        left join transcode_turns t on t.owner = j.owner
        where l.video_id is null or (l.lease_until <= now() and coalesce(l.not_before <= now(), true))
        order by t.served_at nulls first, coalesce(l.attempt, 0), j.queued_at
        limit 1
        for update of j skip locked
    ), taken as (
        insert into transcode_leases as l (video_id, attempt, worker, lease_until)
        select video_id, 1, $1, now() + make_interval(secs => $2) from job
        on conflict (video_id) do update
            set attempt = l.attempt + 1, worker = excluded.worker,
                lease_until = excluded.lease_until, not_before = null, progress = 0
            where l.lease_until <= now() and coalesce(l.not_before <= now(), true)
        returning video_id, attempt, outages
    ), turn as (
        insert into transcode_turns as t (owner, served_at)
        select job.owner, clock_timestamp() from job join taken using (video_id)
        on conflict (owner) do update set served_at = excluded.served_at
    )
    select job.video_id, job.original_key, job.uploaded_by, taken.attempt, taken.outages,
           greatest(extract(epoch from now() - job.queued_at), 0)::float8 as waited
    from job left join taken using (video_id)";

fn job(row: &PgRow, worker: Uuid) -> Result<Job, sqlx::Error> {
    let count = |column| {
        let count = row.try_get::<i32, _>(column)?;
        u32::try_from(count).map_err(|error| sqlx::Error::Decode(error.into()))
    };
    Ok(Job {
        video: VideoId(row.try_get("video_id")?),
        original_key: row.try_get("original_key")?,
        uploaded_by: EventId(row.try_get("uploaded_by")?),
        attempt: count("attempt")?,
        outages: count("outages")?,
        waited: Duration::try_from_secs_f64(row.try_get("waited")?).unwrap_or_default(),
        worker,
    })
}

/// A statement about the lease on a job, which $1, $2 and $3 name: the one that this worker has taken.
fn of_lease(job: &Job, sql: &'static str) -> Query<'static, Postgres, PgArguments> {
    let attempt = i32::try_from(job.attempt).unwrap_or(i32::MAX);
    sqlx::query(sql).bind(job.video.0).bind(job.worker).bind(attempt)
}
