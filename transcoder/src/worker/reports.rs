//! The events that a worker appends to the log.

use std::time::{Duration, Instant};

use domain::event::{Processed, ProcessingFailed, ProcessingStarted};
use domain::{Event, EventId, VideoEvent};
use infra::error_chain::error_chain;
use infra::event_log::AppendError;
use infra::event_log::envelope::Envelope;
use ports::verdicts::SubmitOutcome;
use tokio_util::sync::CancellationToken;

use super::context::WorkerContext;
use crate::queue::Job;

/// Delay before the first retry of an append; it doubles up to the longest. The loop is written out, not
/// a retry library: only two loops of the workspace back off, and this one also ends on shutdown.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(500);
const LONGEST_RETRY_DELAY: Duration = Duration::from_secs(10);

/// Reports that an attempt begins. The report must precede the attempt's end in the log. It gets no
/// verdict.
pub(super) async fn report_started(context: &WorkerContext, job: &Job) -> Result<(), AppendError> {
    let event = VideoEvent::ProcessingStarted(ProcessingStarted { attempt: job.attempt });
    let step = format!("processing_started {}", job.attempt);
    context.dependencies.submitter.submit(envelope(job, &step, event), Duration::ZERO).await?;
    Ok(())
}

/// Reports the finished video. The id is the same in all attempts: a video is published once.
pub(super) async fn report_processed(
    context: &WorkerContext,
    job: &Job,
    processed: Processed,
    stop: &CancellationToken,
) -> Result<SubmitOutcome, AppendError> {
    let envelope = envelope(job, "processed", VideoEvent::Processed(processed));
    submit(context, job, envelope, stop).await
}

/// Reports a failed attempt. A final failure has an id of its own, because an attempt that did not count
/// may fail once more and for good.
pub(super) async fn report_failed(
    context: &WorkerContext,
    job: &Job,
    failed: ProcessingFailed,
    stop: &CancellationToken,
) -> Result<SubmitOutcome, AppendError> {
    let step = match failed.is_final {
        true => "failed".to_owned(),
        false => format!("processing_failed {}", job.attempt),
    };
    let envelope = envelope(job, &step, VideoEvent::ProcessingFailed(failed));
    submit(context, job, envelope, stop).await
}

/// Appends a report; retries until `report_timeout` or `stop` while the log is unavailable.
async fn submit(
    context: &WorkerContext,
    job: &Job,
    envelope: Envelope,
    stop: &CancellationToken,
) -> Result<SubmitOutcome, AppendError> {
    let WorkerContext { dependencies, settings, .. } = context;
    let started = Instant::now();
    let mut delay = FIRST_RETRY_DELAY;
    loop {
        let timeout = settings.verdict_timeout;
        let error = match dependencies.submitter.submit(envelope.clone(), timeout).await {
            Ok(outcome) => return Ok(outcome),
            Err(error) => error,
        };
        let out_of_time = started.elapsed() + delay > settings.report_timeout;
        if out_of_time || stop.is_cancelled() {
            return Err(error);
        }
        let error = error_chain(&error);
        tracing::warn!(video_id = %job.video, error, "a report was not appended, retrying");
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(delay) => {}
        }
        delay = (delay * 2).min(LONGEST_RETRY_DELAY);
    }
}

/// The id derives from video and step, so a repeated report has one effect.
fn envelope(job: &Job, step: &str, event: VideoEvent) -> Envelope {
    let event_id = EventId::derived(job.video.0, step);
    let mut envelope = Envelope::new(event_id, Event::Video(job.video, event));
    envelope.causation_id = Some(job.uploaded_by);
    envelope
}
