//! What the worker tells the log, and what it does about the verdict.

use std::time::{Duration, Instant};

use domain::event::{Processed, ProcessingFailed, ProcessingStarted};
use domain::{Event, EventId, Verdict, VideoEvent, VideoStatus};
use infra::event_log::AppendError;
use infra::event_log::envelope::Envelope;
use ports::verdicts::SubmitOutcome;
use tokio_util::sync::CancellationToken;

use super::{StepError, StepOutcome, Worker};
use crate::queue::Job;
use crate::report::{Failure, FailureClass};

/// Between two tries to append a report.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// What is away is looked for at least so often.
const LONGEST_OUTAGE_PAUSE: Duration = Duration::from_secs(300);
/// A job whose end is in the log is left alone for so long, until the projection has come to it.
const PARKED: Duration = Duration::from_secs(600);

impl Worker {
    /// Says that an attempt begins. It must stand in the log before the attempt's end does; its
    /// verdict matters to nobody.
    pub(super) async fn report_started(&self, job: &Job) -> Result<(), AppendError> {
        let started = ProcessingStarted { attempt: job.attempt };
        let step = format!("processing_started {}", job.attempt);
        let envelope = envelope(job, &step, VideoEvent::ProcessingStarted(started));
        self.dependencies.submitter.submit(envelope, Duration::ZERO).await?;
        Ok(())
    }

    /// Says how the attempt ended, and brings queue and storage in line with the verdict.
    pub(super) async fn conclude(
        &self,
        job: &Job,
        result: Result<Processed, Failure>,
        stop: &CancellationToken,
    ) -> Result<StepOutcome, StepError> {
        match result {
            Ok(processed) => self.conclude_processed(job, processed, stop).await,
            Err(failure) => self.conclude_failed(job, &failure, stop).await,
        }
    }

    async fn conclude_processed(
        &self,
        job: &Job,
        processed: Processed,
        stop: &CancellationToken,
    ) -> Result<StepOutcome, StepError> {
        // The same id whichever attempt it was: there is one such end.
        let envelope = envelope(job, "processed", VideoEvent::Processed(processed));
        let verdict = match self.submit(job, envelope, stop).await? {
            SubmitOutcome::Pending { .. } => return self.park(job).await,
            SubmitOutcome::Decided { verdict, .. } => verdict,
        };
        self.queue.finish(job).await?;
        match verdict {
            Verdict::Accepted { .. } if !self.was_deleted(job).await => Ok(StepOutcome::Processed),
            // Deleted, or failed for good: had it been published, this very event would have done
            // it, and be accepted. So nobody needs what lies under these keys.
            Verdict::Accepted { .. } | Verdict::Rejected(_) => {
                self.remove_results(job.video).await;
                Ok(StepOutcome::Unwanted)
            }
        }
    }

    /// Between the publication and our second report of it the owner may have deleted the video, and
    /// with it the files that we have stored again since.
    pub(super) async fn was_deleted(&self, job: &Job) -> bool {
        match self.dependencies.read_models.video(job.video).await {
            Ok(facts) => facts.is_some_and(|facts| facts.status == VideoStatus::Deleted),
            Err(error) => {
                tracing::warn!(video = %job.video, %error, "results may remain for the sweep");
                false
            }
        }
    }

    async fn conclude_failed(
        &self,
        job: &Job,
        failure: &Failure,
        stop: &CancellationToken,
    ) -> Result<StepOutcome, StepError> {
        tracing::warn!(video = %job.video, attempt = job.attempt, %failure, "an attempt failed");
        let reason = failure.reason;
        let is_final = match failure.class() {
            FailureClass::Permanent => true,
            FailureClass::Retryable => job.attempt >= self.settings.attempts,
            FailureClass::Outage if job.outages < self.settings.outages => {
                // The log has nothing to tell: no attempt has begun, or it goes on later.
                self.queue.wait_out(job, self.outage_pause(job.outages)).await?;
                return Ok(StepOutcome::Outage(reason));
            }
            FailureClass::Outage => true,
        };
        let failed = ProcessingFailed { attempt: job.attempt, reason, is_final };
        // Two events, two ids: an attempt that is handed back may fail once more, and for good.
        let step = match is_final {
            true => "failed".to_owned(),
            false => format!("processing_failed {}", job.attempt),
        };
        let envelope = envelope(job, &step, VideoEvent::ProcessingFailed(failed));
        let decision = self.submit(job, envelope, stop).await?;
        if !is_final {
            self.queue.put_back(job, self.back_off(job.attempt)).await?;
            return Ok(StepOutcome::Retry(reason));
        }
        match decision {
            SubmitOutcome::Pending { .. } => self.park(job).await,
            SubmitOutcome::Decided { verdict, .. } => {
                self.queue.finish(job).await?;
                Ok(match verdict {
                    Verdict::Accepted { .. } => StepOutcome::Failed(reason),
                    Verdict::Rejected(_) => StepOutcome::Unwanted,
                })
            }
        }
    }

    /// Appends a report, and goes on trying while the log is away. In the end the job is handed back
    /// and the attempt does not count, because it is not the video's fault.
    async fn submit(
        &self,
        job: &Job,
        envelope: Envelope,
        stop: &CancellationToken,
    ) -> Result<SubmitOutcome, StepError> {
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let deadline = self.settings.verdict_timeout;
            let error = match self.dependencies.submitter.submit(envelope.clone(), deadline).await {
                Ok(decision) => return Ok(decision),
                Err(error) => error,
            };
            let out_of_time = started.elapsed() + pause > self.settings.report_timeout;
            if out_of_time || stop.is_cancelled() {
                self.queue.hand_back(job).await?;
                return Err(error.into());
            }
            tracing::warn!(video = %job.video, %error, "a report is tried again");
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The end is in the log, and the fold will decide as it must. Until then the job's row is still
    /// there, and must tempt nobody.
    async fn park(&self, job: &Job) -> Result<StepOutcome, StepError> {
        self.queue.put_back(job, PARKED).await?;
        Ok(StepOutcome::Reported)
    }

    fn back_off(&self, attempt: u32) -> Duration {
        let factor = 10_u32.saturating_pow(attempt.saturating_sub(1));
        self.settings.back_off.saturating_mul(factor)
    }

    fn outage_pause(&self, outages: u32) -> Duration {
        let factor = 2_u32.saturating_pow(outages);
        self.settings.back_off.saturating_mul(factor).min(LONGEST_OUTAGE_PAUSE)
    }
}

fn envelope(job: &Job, step: &str, event: VideoEvent) -> Envelope {
    let event_id = EventId::derived(job.video.0, step);
    let mut envelope = Envelope::new(event_id, Event::Video(job.video, event));
    envelope.causation_id = Some(job.uploaded_by);
    envelope
}
