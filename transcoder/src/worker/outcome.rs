//! How a step of the worker ends.

use domain::event::FailureReason;
use infra::event_log::AppendError;

use crate::queue::QueueError;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// There is no free job.
    Idle,
    /// The video is published.
    Processed,
    /// The video failed for good.
    Failed(FailureReason),
    /// The attempt failed; another one follows.
    Retry(FailureReason),
    /// An outage interrupted the attempt; it does not count.
    Outage(FailureReason),
    /// The video was deleted meanwhile or has another end. Its results are removed.
    Unwanted,
    /// The report is in the log, its verdict is pending.
    Reported,
    /// The lease is over or could not be renewed: another worker may have the job.
    LeaseLost,
    /// The worker stops. The job is free again.
    HandedBack,
}

impl StepOutcome {
    /// The labels `outcome` and `reason` of `anb_transcode_jobs_total`.
    pub(super) fn labels(self) -> (&'static str, &'static str) {
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

/// Why a step stopped. Its job, if there was one, is claimed again when the lease ends.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The queue is unavailable.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The log accepts no report.
    #[error(transparent)]
    Log(#[from] AppendError),
}
