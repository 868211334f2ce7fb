//! The worker: claims a job, runs an attempt, and appends the outcome to the log.
//!
//! A video has exactly one end, also if a worker crashes, freezes or loses its lease:
//! - the ids of reports derive from the video and the attempt,
//! - the keys of results derive from the video,
//! - the fold takes the first end in the log.

mod attempt;
mod conclusion;
mod context;
mod outcome;
mod reports;
mod results;
mod scratch;

use std::time::{Duration, Instant};

use domain::event::FailureReason;
use infra::error_chain::error_chain;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::context::WorkerContext;
use crate::failure::Failure;
use crate::queue::{self, Job, JobNotifier, JobQueue};

pub use context::{TranscoderDependencies, WorkerSettings};
pub use outcome::{StepError, StepOutcome};

/// Delay after a step error, and before a slot that panicked restarts.
const ERROR_DELAY: Duration = Duration::from_secs(5);
/// Time between two measurements of the queue's depth.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(15);
/// Stale leases are deleted once per this many upkeep rounds: once an hour.
const STALE_LEASE_ROUNDS: u64 = 240;

/// A worker with one or more slots.
#[derive(Clone)]
pub struct Worker(WorkerContext);

impl Worker {
    /// A worker; makes its folder for files in progress.
    ///
    /// # Errors
    /// If that folder cannot be made.
    pub fn new(
        dependencies: TranscoderDependencies,
        settings: WorkerSettings,
    ) -> std::io::Result<Self> {
        scratch::open(&dependencies.scratch)?;
        let queue = JobQueue::new(dependencies.pool.clone(), settings.lease_duration);
        Ok(Self(WorkerContext { dependencies, settings, queue }))
    }

    /// Works until `stop`, then releases the jobs in progress.
    pub async fn run(self, stop: CancellationToken) {
        let notifier = JobNotifier::new(());
        let mut background = JoinSet::new();
        background.spawn(queue::listen(self.0.dependencies.pool.clone(), notifier.clone()));
        background.spawn(upkeep(self.0.queue.clone()));
        let mut slots = JoinSet::new();
        for _ in 0..self.0.settings.slots.get() {
            slots.spawn(self.clone().run_slot(notifier.clone(), stop.clone()));
        }
        while let Some(ended) = slots.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a worker slot panicked, restarting it");
                tokio::time::sleep(ERROR_DELAY).await;
                slots.spawn(self.clone().run_slot(notifier.clone(), stop.clone()));
            }
        }
    }

    async fn run_slot(self, notifier: JobNotifier, stop: CancellationToken) {
        let id = Uuid::new_v4();
        let mut new_job = notifier.subscribe();
        while !stop.is_cancelled() {
            new_job.mark_unchanged();
            let delay = match self.step(id, &stop).await {
                Ok(StepOutcome::Idle) => self.0.settings.poll_interval,
                Ok(_) => continue,
                Err(error) => {
                    let error = error_chain(&error);
                    tracing::warn!(error, "a transcoder step failed, retrying");
                    new_job.mark_unchanged();
                    ERROR_DELAY
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                _ = new_job.changed() => {}
                () = tokio::time::sleep(delay) => {}
            }
        }
    }

    /// Claims one job as worker `id` and runs one attempt of it. [`StepOutcome::Idle`] without a job.
    ///
    /// # Errors
    /// [`StepError`] if the queue or the log is unavailable.
    pub async fn step(&self, id: Uuid, stop: &CancellationToken) -> Result<StepOutcome, StepError> {
        let Some(job) = self.0.queue.claim(id).await? else { return Ok(StepOutcome::Idle) };
        metrics::histogram!("anb_transcode_wait_seconds").record(job.waited.as_secs_f64());
        let started = Instant::now();
        let outcome = self.work(&job, stop).await?;
        let elapsed = started.elapsed();
        metrics::histogram!("anb_transcode_seconds").record(elapsed.as_secs_f64());
        let (label, reason) = outcome.labels();
        metrics::counter!("anb_transcode_jobs_total", "outcome" => label, "reason" => reason)
            .increment(1);
        tracing::info!(
            video_id = %job.video,
            attempt = job.attempt,
            outcome = label,
            reason,
            elapsed_ms = elapsed.as_millis(),
            "a job step ended"
        );
        Ok(outcome)
    }

    async fn work(&self, job: &Job, stop: &CancellationToken) -> Result<StepOutcome, StepError> {
        let progress = watch::Sender::new(0);
        let heartbeat = self.0.settings.heartbeat_interval;
        let outcome = tokio::select! {
            biased;
            () = self.0.queue.renew_until_lost(job, heartbeat, progress.subscribe()) => {
                // The next worker finishes the job. Only a deletion meanwhile leaves objects that no
                // one else removes.
                if conclusion::was_deleted(&self.0, job).await {
                    self.0.results(job).remove().await;
                }
                return Ok(StepOutcome::LeaseLost);
            }
            outcome = self.attempt_and_conclude(job, &progress, stop) => outcome,
        };
        // Neither a stop nor an outage of the log is the video's fault: the attempt does not count.
        if matches!(outcome, Ok(StepOutcome::HandedBack) | Err(StepError::Log(_))) {
            self.0.queue.release(job).await?;
        }
        outcome
    }

    async fn attempt_and_conclude(
        &self,
        job: &Job,
        progress: &watch::Sender<u8>,
        stop: &CancellationToken,
    ) -> Result<StepOutcome, StepError> {
        let result = if job.attempt > self.0.settings.max_attempts {
            Err(Failure::new(FailureReason::WorkerLost, "every attempt lost its worker"))
        } else {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(StepOutcome::HandedBack),
                attempted = attempt::run(&self.0, job, progress) => attempted?,
            }
        };
        match result {
            Ok(processed) => conclusion::processed(&self.0, job, processed, stop).await,
            Err(failure) => conclusion::failed(&self.0, job, failure, stop).await,
        }
    }
}

async fn upkeep(queue: JobQueue) {
    for round in 0_u64.. {
        match queue.depth().await {
            Ok(depth) => metrics::gauge!("anb_transcode_queue_depth").set(depth as f64),
            Err(error) => {
                tracing::debug!(error = error_chain(&error), "the queue depth is unknown");
            }
        }
        if round.is_multiple_of(STALE_LEASE_ROUNDS)
            && let Err(error) = queue.delete_stale_leases().await
        {
            tracing::warn!(error = error_chain(&error), "stale leases were not deleted");
        }
        tokio::time::sleep(UPKEEP_INTERVAL).await;
    }
}
