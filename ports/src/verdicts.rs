//! The second half of the command protocol: wait until the projection has folded an event, and learn
//! its verdict.
//!
//! Every process has one [`VerdictDesk`]. Whoever appends an event first takes a [`Ticket`] for it.
//! Tickets are served in batches, never one query each:
//!
//! - A projector in the same process hands over what the fold has just said ([`VerdictDesk::publish`]).
//! - Elsewhere a moved checkpoint ([`VerdictDesk::advance`]) makes every ticket at or below it due,
//!   and [`VerdictDesk::serve`] asks [`VerdictLookup`] for all due ones with one query.

mod desk;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use domain::{EventId, Position, Verdict, VideoId};
use metrics::Histogram;

use infra::event_log::envelope::Envelope;
use infra::event_log::{AppendError, EventLog};

use crate::lookup_error::LookupError;

pub use desk::{DeskFull, Ticket, VerdictDesk};

/// An event whose verdict somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AwaitedEvent {
    /// The event.
    pub event_id: EventId,
    /// For a vote: the video whose count the answer shows.
    pub voted_video: Option<VideoId>,
}

/// What the desk asks the projection. Implemented by `projections`, used by everybody else.
#[async_trait]
pub trait VerdictLookup: Send + Sync + 'static {
    /// The verdicts of those of these events that lie below the checkpoint of their partition:
    /// rejected if there is a rejection row, accepted if there is none. An event that is not folded,
    /// or not again since the read models were emptied for a rebuild, has none. One query, and one
    /// snapshot of checkpoints and rows, however many events.
    async fn verdicts(
        &self,
        events: &[(Position, AwaitedEvent)],
    ) -> Result<HashMap<EventId, Verdict>, LookupError>;

    /// For each partition, the first offset that the projection has not folded yet.
    async fn checkpoints(&self) -> Result<Vec<Position>, LookupError>;
}

/// What became of an event that was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitOutcome {
    /// The projection has folded it.
    Decided {
        /// Where it stands.
        position: Position,
        /// What the fold said.
        verdict: Verdict,
    },
    /// The projection has not come to it before the deadline. Nothing is lost: its place in the log
    /// is certain, and so is its verdict, whenever somebody asks again.
    Pending {
        /// Where it stands.
        position: Position,
    },
}

/// Append, wait, verdict: what commands and the transcoder do with every event.
#[derive(Clone)]
pub struct EventSubmitter {
    log: Arc<dyn EventLog>,
    desk: Arc<VerdictDesk>,
}

// Looked up once: every command records both.
static APPENDED: LazyLock<Histogram> =
    LazyLock::new(|| metrics::histogram!("anb_log_append_seconds"));
static DECIDED: LazyLock<Histogram> =
    LazyLock::new(|| metrics::histogram!("anb_command_verdict_seconds"));

impl EventSubmitter {
    /// EventSubmitter on `log`, awaited at `desk`.
    pub fn new(log: Arc<dyn EventLog>, desk: Arc<VerdictDesk>) -> Self {
        Self { log, desk }
    }

    /// Appends the event and waits for its verdict, for `deadline` at most.
    ///
    /// # Errors
    /// [`AppendError`] if the event was not appended, or if nobody can say. More callers waiting
    /// than the desk has places for is an [`AppendError::Unavailable`], before anything is appended.
    pub async fn submit(
        &self,
        envelope: Envelope,
        deadline: Duration,
    ) -> Result<SubmitOutcome, AppendError> {
        let voted_video = envelope.event.vote().map(|(video, _)| video);
        let awaited = AwaitedEvent { event_id: envelope.event_id, voted_video };
        let record = envelope.into_record().map_err(AppendError::unavailable)?;
        let ticket = self.desk.expect(awaited).map_err(AppendError::unavailable)?;
        let appending = std::time::Instant::now();
        let position = match self.log.append(vec![record]).await.pop() {
            Some(result) => result?,
            None => return Err(AppendError::unknown("the log gave no answer")),
        };
        APPENDED.record(appending.elapsed().as_secs_f64());
        let started = std::time::Instant::now();
        let verdict = ticket.verdict(position, deadline).await;
        DECIDED.record(started.elapsed().as_secs_f64());
        Ok(match verdict {
            Some(verdict) => SubmitOutcome::Decided { position, verdict },
            None => SubmitOutcome::Pending { position },
        })
    }
}
