//! The worker: claims a job, has it processed, and tells the log what came of it.
//!
//! Whatever is interrupted, and where, a video comes to exactly one end: the ids of reports derive
//! from the video and the attempt, results lie under keys that derive from the video, and the fold
//! takes the first end that the log holds. A worker that is overtaken does no harm.

mod attempt;
mod reports;
mod scratch;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::event::FailureReason;
use infra::event_log::AppendError;
use infra::object_storage::ObjectStorage;
use ports::read_models::ReadModels;
use ports::verdicts::EventSubmitter;
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::child::ChildCommand;
use crate::queue::{self, Job, Queue, QueueError, Wake};
use crate::report::Failure;

/// After trouble with the database or the log.
const PAUSE: Duration = Duration::from_secs(5);
/// Between two looks at what needs upkeep.
const UPKEEP: Duration = Duration::from_secs(15);
/// Every so many of those, the leases are tidied up.
const TIDY_EVERY: u64 = 240;

/// Everything that a worker needs of the world.
#[derive(Clone)]
pub struct TranscoderDependencies {
    /// The database of the queue.
    pub pool: PgPool,
    /// Where originals are and results go.
    pub storage: Arc<dyn ObjectStorage>,
    /// Append, wait, verdict.
    pub submitter: EventSubmitter,
    /// Whether a video was deleted meanwhile.
    pub read_models: Arc<dyn ReadModels>,
    /// How the child is started.
    pub child: ChildCommand,
    /// A folder for files in progress.
    pub scratch: PathBuf,
}

/// How a worker behaves.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// Jobs at the same time.
    pub slots: NonZeroUsize,
    /// A worker that gives no sign of life for so long has lost its job.
    pub lease: Duration,
    /// Between two signs of life.
    pub heartbeat: Duration,
    /// Between two looks for jobs that nobody has announced, such as those of dead workers.
    pub poll: Duration,
    /// How often a job is tried that fails through our fault.
    pub attempts: u32,
    /// The pause after the first attempt; ten times as long after each further one. After an outage
    /// it grows more slowly.
    pub back_off: Duration,
    /// How often a job is put back because something is away, before its video is given up.
    pub outages: u32,
    /// How long to wait for the verdict on a report.
    pub verdict_timeout: Duration,
    /// How long to go on trying to append a report.
    pub report_timeout: Duration,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            slots: NonZeroUsize::MIN,
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_secs(2),
            poll: Duration::from_secs(5),
            attempts: 3,
            back_off: Duration::from_secs(30),
            // With pauses of five minutes: a day.
            outages: 288,
            verdict_timeout: Duration::from_secs(5),
            report_timeout: Duration::from_secs(60),
        }
    }
}

/// What one step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// There is no job that may be taken.
    Idle,
    /// The video is published.
    Processed,
    /// The video will never be published.
    Failed(FailureReason),
    /// The attempt failed through our fault; there will be another.
    Retry(FailureReason),
    /// Something is away that the job needs; it waits, and nothing counts.
    Outage(FailureReason),
    /// The video was deleted meanwhile, or had come to another end: what was made is removed.
    Unwanted,
    /// The report is in the log; the projection has not come to it yet.
    Reported,
    /// Another worker has the job now.
    LeaseLost,
    /// We are stopping: the job is free again.
    HandedBack,
}

impl StepOutcome {
    fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::Idle => ("idle", ""),
            Self::Processed => ("processed", ""),
            Self::Failed(reason) => ("failed", reason.code()),
            Self::Retry(reason) => ("retry", reason.code()),
            Self::Outage(reason) => ("outage", reason.code()),
            Self::Unwanted => ("unwanted", ""),
            Self::Reported => ("reported", ""),
            Self::LeaseLost => ("lease_lost", ""),
            Self::HandedBack => ("handed_back", ""),
        }
    }
}

/// Why a step could not be taken. The job, if there was one, is not lost: its lease runs out.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The queue cannot be used.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The log takes no report.
    #[error(transparent)]
    Log(#[from] AppendError),
}

/// A worker with one or more slots.
#[derive(Clone)]
pub struct Worker {
    dependencies: TranscoderDependencies,
    settings: WorkerSettings,
    queue: Queue,
}

impl Worker {
    /// Puts a worker together, and makes its folder for files in progress.
    ///
    /// # Errors
    /// If that folder cannot be made.
    pub fn new(
        dependencies: TranscoderDependencies,
        settings: WorkerSettings,
    ) -> std::io::Result<Self> {
        scratch::open(&dependencies.scratch)?;
        let queue = Queue::new(dependencies.pool.clone(), settings.lease);
        Ok(Self { dependencies, settings, queue })
    }

    /// Works until `stop`; jobs under way are handed back then.
    pub async fn run(self, stop: CancellationToken) {
        let wake = Wake::new(());
        let mut helpers = JoinSet::new();
        helpers.spawn(queue::listen(self.queue.clone(), wake.clone()));
        helpers.spawn(upkeep(self.queue.clone()));
        let mut slots = JoinSet::new();
        for _ in 0..self.settings.slots.get() {
            slots.spawn(self.clone().slot(wake.clone(), stop.clone()));
        }
        while let Some(ended) = slots.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a worker's slot has ended badly; another takes its place");
                tokio::time::sleep(PAUSE).await;
                slots.spawn(self.clone().slot(wake.clone(), stop.clone()));
            }
        }
    }

    async fn slot(self, wake: Wake, stop: CancellationToken) {
        let id = Uuid::new_v4();
        let mut woken = wake.subscribe();
        while !stop.is_cancelled() {
            woken.mark_unchanged();
            let pause = match self.step(id, &stop).await {
                Ok(StepOutcome::Idle) => self.settings.poll,
                Ok(_) => continue,
                Err(error) => {
                    tracing::warn!(%error, "the transcoder pauses");
                    woken.mark_unchanged();
                    PAUSE
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                _ = woken.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Takes one job, as worker `id`, and brings it as far as it gets; or finds that there is none.
    ///
    /// # Errors
    /// [`StepError`] if the queue or the log is unavailable.
    pub async fn step(&self, id: Uuid, stop: &CancellationToken) -> Result<StepOutcome, StepError> {
        let Some(job) = self.queue.claim(id).await? else { return Ok(StepOutcome::Idle) };
        metrics::histogram!("anb_transcode_wait_seconds").record(job.waited.as_secs_f64());
        let started = Instant::now();
        let outcome = self.work(&job, stop).await?;
        metrics::histogram!("anb_transcode_seconds").record(started.elapsed().as_secs_f64());
        let (label, reason) = outcome.labels();
        metrics::counter!("anb_transcode_jobs_total", "outcome" => label, "reason" => reason)
            .increment(1);
        tracing::info!(video = %job.video, attempt = job.attempt, outcome = label, reason, "job");
        Ok(outcome)
    }

    async fn work(&self, job: &Job, stop: &CancellationToken) -> Result<StepOutcome, StepError> {
        let progress = watch::Sender::new(0);
        let lost = self.queue.keep(job, self.settings.heartbeat, progress.subscribe());
        let mut lost = std::pin::pin!(lost);
        let result = if job.attempt > self.settings.attempts {
            Err(Failure::new(FailureReason::WorkerLost, "no attempt has come to an end"))
        } else {
            let attempted = tokio::select! {
                biased;
                () = &mut lost => return Ok(self.lose(job).await),
                () = stop.cancelled() => {
                    self.queue.hand_back(job).await?;
                    return Ok(StepOutcome::HandedBack);
                }
                attempted = self.attempt(job, &progress) => attempted,
            };
            match attempted {
                Ok(result) => result,
                Err(error) => {
                    self.queue.hand_back(job).await?;
                    return Err(error.into());
                }
            }
        };
        tokio::select! {
            biased;
            () = &mut lost => Ok(self.lose(job).await),
            outcome = self.conclude(job, result, stop) => outcome,
        }
    }

    /// Another worker has the job, and will bring it to its end; unless its owner has done so, and our
    /// results came too late to go with the others.
    async fn lose(&self, job: &Job) -> StepOutcome {
        if self.was_deleted(job).await {
            self.remove_results(job.video).await;
        }
        StepOutcome::LeaseLost
    }
}

async fn upkeep(queue: Queue) {
    for round in 0_u64.. {
        match queue.depth().await {
            Ok(depth) => metrics::gauge!("anb_transcode_queue_depth").set(depth as f64),
            Err(error) => tracing::debug!(%error, "the queue's depth is unknown"),
        }
        if round.is_multiple_of(TIDY_EVERY)
            && let Err(error) = queue.tidy().await
        {
            tracing::warn!(%error, "leases cannot be tidied up");
        }
        tokio::time::sleep(UPKEEP).await;
    }
}
