//! The second half of the command protocol: wait until the projection has folded an event, and get its
//! verdict.
//!
//! Every process has one [`VerdictDesk`]. A caller takes a [`Ticket`] for its event before the append.
//! Tickets get their verdicts in batches, never with one query each:
//!
//! - A projector in the same process publishes the verdicts of the fold ([`VerdictDesk::publish`]).
//! - In other processes, a checkpoint that advances ([`VerdictDesk::advance`]) makes all tickets below it
//!   due. [`VerdictDesk::run_lookups`] asks [`VerdictLookup`] for all due tickets with one query.

mod desk;
mod lookup;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use domain::{Position, Verdict};
use infra::event_log::envelope::Envelope;
use infra::event_log::{AppendError, EventLog};
use metrics::Histogram;

pub use desk::{DeskFull, Ticket, VerdictDesk};
pub use lookup::{AwaitedEvent, VerdictLookup};

/// The outcome of an append that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitOutcome {
    /// The projection has folded it.
    Decided {
        /// The position of the event.
        position: Position,
        /// The verdict of the fold.
        verdict: Verdict,
    },
    /// The projection did not fold it before the timeout. The event is in the log, so a later lookup
    /// finds its verdict.
    Pending {
        /// The position of the event.
        position: Position,
    },
}

/// Appends events and waits for their verdicts, for commands and the transcoder.
#[derive(Clone)]
pub struct EventSubmitter {
    log: Arc<dyn EventLog>,
    desk: Arc<VerdictDesk>,
}

// Every command records both, so the recorder is asked once only.
static APPEND_SECONDS: LazyLock<Histogram> =
    LazyLock::new(|| metrics::histogram!("anb_log_append_seconds"));
static VERDICT_SECONDS: LazyLock<Histogram> =
    LazyLock::new(|| metrics::histogram!("anb_command_verdict_seconds"));

impl EventSubmitter {
    /// A submitter that appends to `log` and waits at `desk`.
    pub fn new(log: Arc<dyn EventLog>, desk: Arc<VerdictDesk>) -> Self {
        Self { log, desk }
    }

    /// Appends the event and waits for its verdict, at most for `timeout`.
    ///
    /// # Errors
    /// [`AppendError`] if the event was not appended, or if the outcome is unknown. If the desk is full,
    /// nothing is appended, and the error is [`AppendError::Unavailable`].
    pub async fn submit(
        &self,
        envelope: Envelope,
        timeout: Duration,
    ) -> Result<SubmitOutcome, AppendError> {
        let voted_video = envelope.event.vote().map(|(video, _)| video);
        let awaited = AwaitedEvent { event_id: envelope.event_id, voted_video };
        let record = envelope.into_record().map_err(AppendError::unavailable)?;
        let ticket = self.desk.take_ticket(awaited).map_err(AppendError::unavailable)?;
        let appending = std::time::Instant::now();
        let position = match self.log.append(vec![record]).await.pop() {
            Some(result) => result?,
            None => return Err(AppendError::unknown("the log gave no answer")),
        };
        APPEND_SECONDS.record(appending.elapsed().as_secs_f64());
        let started = std::time::Instant::now();
        let verdict = ticket.verdict(position, timeout).await;
        VERDICT_SECONDS.record(started.elapsed().as_secs_f64());
        Ok(match verdict {
            Some(verdict) => SubmitOutcome::Decided { position, verdict },
            None => SubmitOutcome::Pending { position },
        })
    }
}
