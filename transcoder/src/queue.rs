//! The job queue and the leases on its jobs.
//!
//! - `transcode_jobs`: the jobs. A read model that only the projection writes.
//! - `transcode_leases`: which worker has a job, until when, and how many attempts there were.
//! - `transcode_turns`: when each owner was last served. Owners are served round-robin.
//!
//! All times are the database's, so clock skew between machines does not matter.

mod notifications;

use std::time::{Duration, Instant};

use domain::{EventId, VideoId};
use infra::database::{Pool, from_bigint, from_int, to_int};
use infra::error_chain::error_chain;
use tokio::sync::watch;
use uuid::Uuid;

pub use notifications::{JobNotifier, listen};

/// A claim that loses a race to another worker tries the next job, at most this often.
const MAX_CLAIM_TRIES: usize = 8;
/// Age at which a lease without a job is deleted. A rebuild removes all jobs for a while.
const STALE_LEASE_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The queue's database does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the job queue is unavailable")]
pub struct QueueError(#[from] sqlx::Error);

/// The job queue.
#[derive(Clone, Debug)]
pub struct JobQueue {
    pool: Pool,
    lease_duration: Duration,
}

/// A claimed job and the lease on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The video to be processed.
    pub video: VideoId,
    /// The object key of its original.
    pub original_key: String,
    /// The event that uploaded it.
    pub uploaded_by: EventId,
    /// The number of this attempt, counted from 1.
    pub attempt: u32,
    /// How often an outage interrupted the job.
    pub outages: u32,
    /// Time from upload to claim.
    pub waited: Duration,
    worker: Uuid,
}

impl Job {
    /// What the lease of this attempt is found by. Another worker's claim changes it.
    fn lease_key(&self) -> (Uuid, Uuid, i32) {
        (self.video.0, self.worker, to_int(self.attempt))
    }
}

impl JobQueue {
    /// The queue in this database. A lease ends `lease_duration` after its last renewal.
    pub fn new(pool: Pool, lease_duration: Duration) -> Self {
        Self { pool, lease_duration }
    }

    /// Claims a free job for `worker`: the owner served longest ago comes first; of that owner's jobs
    /// the one with the fewest attempts, then the oldest. Neither an owner with many uploads nor a job
    /// that keeps failing delays other owners by more than one job.
    ///
    /// `skip locked` keeps concurrent claims apart, but this statement may still see old leases after
    /// the lock of another claim is released. So the lease is taken under a condition, which Postgres
    /// checks on the newest version of the row. A job that another worker took meanwhile comes back
    /// without an attempt.
    ///
    /// # Errors
    /// [`QueueError`]
    pub async fn claim(&self, worker: Uuid) -> Result<Option<Job>, QueueError> {
        for _ in 0..MAX_CLAIM_TRIES {
            let row = sqlx::query!(
                r#"with job as (
                     select j.video_id, j.owner, j.original_key, j.uploaded_by, j.queued_at
                     from transcode_jobs j
                     left join transcode_leases l using (video_id)
                     left join transcode_turns t on t.owner = j.owner
                     where l.video_id is null
                        or (l.lease_until <= now() and coalesce(l.not_before <= now(), true))
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
                 select job.video_id as "video_id!", job.original_key as "original_key!",
                        job.uploaded_by as "uploaded_by!",
                        taken.attempt as "attempt?", taken.outages as "outages?",
                        greatest(extract(epoch from now() - job.queued_at), 0)::float8 as "waited!"
                 from job left join taken using (video_id)"#,
                worker,
                self.lease_duration.as_secs_f64(),
            )
            .fetch_optional(&self.pool)
            .await?;
            let Some(row) = row else { return Ok(None) };
            if let (Some(attempt), Some(outages)) = (row.attempt, row.outages) {
                return Ok(Some(Job {
                    video: VideoId(row.video_id),
                    original_key: row.original_key,
                    uploaded_by: EventId(row.uploaded_by),
                    attempt: from_int(attempt)?,
                    outages: from_int(outages)?,
                    waited: Duration::try_from_secs_f64(row.waited).unwrap_or_default(),
                    worker,
                }));
            }
        }
        Ok(None)
    }

    /// Renews the lease and stores the progress. `false`: another worker has the job.
    ///
    /// # Errors
    /// [`QueueError`]
    pub async fn renew(&self, job: &Job, percent: u8) -> Result<bool, QueueError> {
        let (video, worker, attempt) = job.lease_key();
        let renewed = sqlx::query!(
            "update transcode_leases
             set lease_until = now() + make_interval(secs => $4), progress = $5
             where video_id = $1 and worker = $2 and attempt = $3",
            video,
            worker,
            attempt,
            self.lease_duration.as_secs_f64(),
            i16::from(percent),
        )
        .execute(&self.pool)
        .await?;
        Ok(renewed.rows_affected() == 1)
    }

    /// Renews the lease once per `heartbeat_interval`. Returns when the lease is lost: another worker
    /// took it, or it ends before the next renewal because the database does not answer.
    pub async fn renew_until_lost(
        &self,
        job: &Job,
        heartbeat_interval: Duration,
        progress: watch::Receiver<u8>,
    ) {
        let mut lease_ends = Instant::now() + self.lease_duration;
        loop {
            tokio::time::sleep(heartbeat_interval).await;
            let (asked_at, percent) = (Instant::now(), *progress.borrow());
            match tokio::time::timeout(heartbeat_interval, self.renew(job, percent)).await {
                Ok(Ok(true)) => lease_ends = asked_at + self.lease_duration,
                Ok(Ok(false)) => return,
                Ok(Err(error)) => {
                    let error = error_chain(&error);
                    tracing::warn!(video_id = %job.video, error, "a lease was not renewed");
                }
                Err(_) => {
                    tracing::warn!(video_id = %job.video, "a lease was not renewed: timeout");
                }
            }
            if Instant::now() + heartbeat_interval >= lease_ends {
                return;
            }
        }
    }

    /// Deletes the lease of a job that has ended.
    ///
    /// # Errors
    /// [`QueueError`]
    pub async fn finish(&self, job: &Job) -> Result<(), QueueError> {
        let (video, worker, attempt) = job.lease_key();
        sqlx::query!(
            "delete from transcode_leases where video_id = $1 and worker = $2 and attempt = $3",
            video,
            worker,
            attempt,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Ends the attempt without an end of the job: no worker may claim it for `delay`.
    ///
    /// # Errors
    /// [`QueueError`]
    pub async fn retry_later(&self, job: &Job, delay: Duration) -> Result<(), QueueError> {
        self.end_attempt(job, 0, 0, delay).await
    }

    /// Ends the attempt because of an outage: the outage counts, the attempt does not. No worker may
    /// claim the job for `delay`.
    ///
    /// # Errors
    /// [`QueueError`]
    pub async fn retry_after_outage(&self, job: &Job, delay: Duration) -> Result<(), QueueError> {
        self.end_attempt(job, 1, 1, delay).await
    }

    /// Ends the attempt without counting it. Any worker may claim the job at once.
    ///
    /// # Errors
    /// [`QueueError`]
    pub async fn release(&self, job: &Job) -> Result<(), QueueError> {
        self.end_attempt(job, 1, 0, Duration::ZERO).await
    }

    async fn end_attempt(
        &self,
        job: &Job,
        uncounted_attempts: i32,
        outages: i32,
        delay: Duration,
    ) -> Result<(), QueueError> {
        let (video, worker, attempt) = job.lease_key();
        sqlx::query!(
            "update transcode_leases
             set attempt = attempt - $5, outages = outages + $6,
                 lease_until = now(), not_before = now() + make_interval(secs => $4)
             where video_id = $1 and worker = $2 and attempt = $3",
            video,
            worker,
            attempt,
            delay.as_secs_f64(),
            uncounted_attempts,
            outages,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The number of jobs without a worker.
    ///
    /// # Errors
    /// [`QueueError`]
    pub async fn depth(&self) -> Result<u64, QueueError> {
        let depth = sqlx::query_scalar!(
            r#"select count(*) as "depth!" from transcode_jobs j where not exists
                 (select from transcode_leases l
                  where l.video_id = j.video_id and l.lease_until > now())"#,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(from_bigint(depth)?)
    }

    /// Deletes leases without a job after a day, such as those of deleted videos. Deletes the turns of
    /// owners who have had no job for a day. Returns the number of deleted leases.
    ///
    /// # Errors
    /// [`QueueError`]
    pub async fn delete_stale_leases(&self) -> Result<u64, QueueError> {
        let removed = sqlx::query!(
            "with turns as (
                 delete from transcode_turns t
                 where served_at < now() - make_interval(secs => $1)
                   and not exists (select from transcode_jobs j where j.owner = t.owner)
             )
             delete from transcode_leases l
             where greatest(lease_until, not_before) < now() - make_interval(secs => $1)
               and not exists (select from transcode_jobs j where j.video_id = l.video_id)",
            STALE_LEASE_AGE.as_secs_f64(),
        )
        .execute(&self.pool)
        .await?;
        Ok(removed.rows_affected())
    }
}
