//! The end of an attempt: report it, then bring queue and store in line with the verdict.

use infra::error_chain::error_chain;
use std::time::Duration;

use domain::event::{Processed, ProcessingFailed};
use domain::{Verdict, VideoStatus};
use ports::verdicts::SubmitOutcome;
use tokio_util::sync::CancellationToken;

use super::context::{WorkerContext, WorkerSettings};
use super::outcome::{StepError, StepOutcome};
use super::reports::{report_failed, report_processed};
use crate::failure::{Failure, FailureClass};
use crate::queue::Job;

/// Longest delay after an outage.
const LONGEST_OUTAGE_DELAY: Duration = Duration::from_secs(300);
/// A job whose end is in the log is not claimed again for this long: the projection removes its row.
const REPORTED_JOB_DELAY: Duration = Duration::from_secs(600);

/// Concludes an attempt that made a video.
pub(super) async fn processed(
    context: &WorkerContext,
    job: &Job,
    processed: Processed,
    stop: &CancellationToken,
) -> Result<StepOutcome, StepError> {
    let verdict = match report_processed(context, job, processed, stop).await? {
        SubmitOutcome::Pending { .. } => return reported(context, job).await,
        SubmitOutcome::Decided { verdict, .. } => verdict,
    };
    context.queue.finish(job).await?;
    match verdict {
        Verdict::Accepted { .. } if !was_deleted(context, job).await => Ok(StepOutcome::Processed),
        // Rejected: the video was deleted or failed for good. If another attempt had published it,
        // this event would carry the same id and be accepted. So no one needs the objects.
        Verdict::Accepted { .. } | Verdict::Rejected(_) => {
            context.results(job).remove().await;
            Ok(StepOutcome::Unwanted)
        }
    }
}

/// Concludes an attempt that failed.
pub(super) async fn failed(
    context: &WorkerContext,
    job: &Job,
    failure: Failure,
    stop: &CancellationToken,
) -> Result<StepOutcome, StepError> {
    let WorkerContext { settings, queue, .. } = context;
    let (attempt, reason) = (job.attempt, failure.reason);
    let error = error_chain(&failure);
    let code = reason.code();
    tracing::warn!(video_id = %job.video, attempt, reason = code, error, "an attempt failed");
    let is_final = match failure.class() {
        FailureClass::Permanent => true,
        FailureClass::Retryable => attempt >= settings.max_attempts,
        FailureClass::Outage if job.outages < settings.max_outages => {
            // Nothing is appended: the attempt does not count.
            queue.retry_after_outage(job, outage_delay(settings, job.outages)).await?;
            return Ok(StepOutcome::Outage(reason));
        }
        FailureClass::Outage => true,
    };
    let failed = ProcessingFailed { attempt, reason, is_final };
    let outcome = report_failed(context, job, failed, stop).await?;
    if !is_final {
        queue.retry_later(job, retry_delay(settings, attempt)).await?;
        return Ok(StepOutcome::Retry(reason));
    }
    match outcome {
        SubmitOutcome::Pending { .. } => reported(context, job).await,
        SubmitOutcome::Decided { verdict, .. } => {
            queue.finish(job).await?;
            Ok(match verdict {
                Verdict::Accepted { .. } => StepOutcome::Failed(reason),
                Verdict::Rejected(_) => StepOutcome::Unwanted,
            })
        }
    }
}

/// The report is in the log, but its verdict is pending: the job's row still exists.
async fn reported(context: &WorkerContext, job: &Job) -> Result<StepOutcome, StepError> {
    context.queue.retry_later(job, REPORTED_JOB_DELAY).await?;
    Ok(StepOutcome::Reported)
}

/// Whether the owner deleted the video meanwhile. The deletion removed its objects, and this attempt has
/// stored them again.
pub(super) async fn was_deleted(context: &WorkerContext, job: &Job) -> bool {
    match context.dependencies.read_models.video(job.video).await {
        Ok(facts) => facts.is_some_and(|facts| facts.status == VideoStatus::Deleted),
        Err(error) => {
            let error = error_chain(&error);
            tracing::warn!(video_id = %job.video, error, "results may remain for the sweep");
            false
        }
    }
}

fn retry_delay(settings: &WorkerSettings, attempt: u32) -> Duration {
    let factor = 10_u32.saturating_pow(attempt.saturating_sub(1));
    settings.first_retry_delay.saturating_mul(factor)
}

fn outage_delay(settings: &WorkerSettings, outages: u32) -> Duration {
    let factor = 2_u32.saturating_pow(outages);
    settings.first_retry_delay.saturating_mul(factor).min(LONGEST_OUTAGE_DELAY)
}
