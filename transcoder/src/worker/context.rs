//! What a worker works with.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use infra::database::Pool;
use infra::object_storage::ObjectStorage;
use ports::read_models::ReadModels;
use ports::verdicts::EventSubmitter;

use super::results::Results;
use crate::child::ChildCommand;
use crate::queue::{Job, JobQueue};

/// The services and paths that a worker uses.
#[derive(Clone)]
pub struct TranscoderDependencies {
    /// The database of the job queue.
    pub pool: Pool,
    /// The store of originals and results.
    pub storage: Arc<dyn ObjectStorage>,
    /// Appends events and waits for their verdicts.
    pub submitter: EventSubmitter,
    /// Answers whether a video was deleted meanwhile.
    pub read_models: Arc<dyn ReadModels>,
    /// The command line of the child.
    pub child: ChildCommand,
    /// A folder for files in progress.
    pub scratch: PathBuf,
}

/// The worker's limits and intervals.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// Jobs that run at the same time.
    pub slots: NonZeroUsize,
    /// Another worker may claim a job whose lease was not renewed for this long.
    pub lease_duration: Duration,
    /// Time between two renewals of a lease.
    pub heartbeat_interval: Duration,
    /// Time between two claims of an idle worker, for jobs without a notification, such as those of
    /// dead workers.
    pub poll_interval: Duration,
    /// Attempts per job, outages not counted.
    pub max_attempts: u32,
    /// The delay after the first failed attempt; each further one is ten times as long. After an
    /// outage the delay doubles.
    pub first_retry_delay: Duration,
    /// Outages per job before its video fails for good.
    pub max_outages: u32,
    /// Longest wait for the verdict on a report.
    pub verdict_timeout: Duration,
    /// Longest time for which appending a report is retried.
    pub report_timeout: Duration,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            slots: NonZeroUsize::MIN,
            lease_duration: Duration::from_secs(30),
            heartbeat_interval: Duration::from_secs(2),
            poll_interval: Duration::from_secs(5),
            max_attempts: 3,
            first_retry_delay: Duration::from_secs(30),
            // One day with delays of five minutes.
            max_outages: 288,
            verdict_timeout: Duration::from_secs(5),
            report_timeout: Duration::from_secs(60),
        }
    }
}

/// What all steps of a worker share.
#[derive(Clone)]
pub(super) struct WorkerContext {
    pub(super) dependencies: TranscoderDependencies,
    pub(super) settings: WorkerSettings,
    pub(super) queue: JobQueue,
}

impl WorkerContext {
    pub(super) fn results(&self, job: &Job) -> Results<'_> {
        Results { storage: self.dependencies.storage.as_ref(), video: job.video }
    }
}
