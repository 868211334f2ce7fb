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

use domain::{EventId, Position, Verdict};
use infra::event_log::envelope::Envelope;
use infra::event_log::{AppendError, EventLog};
use metrics::Histogram;

pub use desk::{DeskFull, Ticket, VerdictDesk};
pub use lookup::{AwaitedEvent, EffectRow, FoldedEvent, VerdictLookup};

use crate::append_gate::AppendGate;

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
    gate: Arc<AppendGate>,
}

/// The projection passed the event without folding it, so nothing says what became of it.
#[derive(Debug, thiserror::Error)]
#[error(
    "event {event_id} at {position} was passed and not folded: the record is unreadable, or the log is \
     not the one that the read models were folded from"
)]
struct PassedEvent {
    event_id: EventId,
    position: Position,
}

// Every command records both, so the recorder is asked once only.
static APPEND_SECONDS: LazyLock<Histogram> =
    LazyLock::new(|| metrics::histogram!("anb_log_append_seconds"));
static VERDICT_SECONDS: LazyLock<Histogram> =
    LazyLock::new(|| metrics::histogram!("anb_command_verdict_seconds"));

impl EventSubmitter {
    /// A submitter that appends to `log`, if `gate` lets it, and waits at `desk`.
    pub fn new(log: Arc<dyn EventLog>, desk: Arc<VerdictDesk>, gate: Arc<AppendGate>) -> Self {
        Self { log, desk, gate }
    }

    /// The gate before the log.
    pub fn gate(&self) -> &AppendGate {
        &self.gate
    }

    /// Appends the event and waits for its verdict, at most for `timeout`. An interim report of the
    /// transcoder gets no verdict: its outcome is [`SubmitOutcome::Pending`] at once.
    ///
    /// # Errors
    /// [`AppendError::Unavailable`] if the event was not appended, also because the gate or the desk did
    /// not let it pass. [`AppendError::Unknown`] if the outcome is unknown, also because the projection
    /// has passed the event without folding it.
    pub async fn submit(
        &self,
        envelope: Envelope,
        timeout: Duration,
    ) -> Result<SubmitOutcome, AppendError> {
        self.gate.check(envelope.event.event_type()).map_err(AppendError::unavailable)?;
        let event_id = envelope.event_id;
        let Some(effect) = EffectRow::of(&envelope.event) else {
            return Ok(SubmitOutcome::Pending { position: self.append(envelope).await? });
        };
        let ticket = self.desk.take_ticket(AwaitedEvent { event_id, effect });
        let ticket = ticket.map_err(AppendError::unavailable)?;
        let position = self.append(envelope).await?;
        let started = std::time::Instant::now();
        let folded = ticket.folded(position, timeout).await;
        VERDICT_SECONDS.record(started.elapsed().as_secs_f64());
        match folded {
            Some(FoldedEvent::Decided(verdict)) => Ok(SubmitOutcome::Decided { position, verdict }),
            Some(FoldedEvent::Missing) => Err(report_passed(event_id, position)),
            None => Ok(SubmitOutcome::Pending { position }),
        }
    }

    async fn append(&self, envelope: Envelope) -> Result<Position, AppendError> {
        let record = envelope.into_record().map_err(AppendError::unavailable)?;
        let started = std::time::Instant::now();
        let appended = self.log.append(vec![record]).await.pop();
        let position = appended.ok_or_else(|| AppendError::unknown("the log gave no answer"))??;
        APPEND_SECONDS.record(started.elapsed().as_secs_f64());
        Ok(position)
    }
}

/// Raises the alarm about an event that was passed and not folded.
pub fn report_passed(event_id: EventId, position: Position) -> AppendError {
    metrics::counter!("anb_command_events_passed_total").increment(1);
    let passed = PassedEvent { event_id, position };
    tracing::error!(%event_id, %position, "{passed}");
    AppendError::unknown(passed)
}
