//! The verdicts in the database.

use std::collections::HashMap;

use async_trait::async_trait;
use domain::{EventId, Position, Verdict, VideoId};

use crate::lookup_error::LookupError;

/// An event whose verdict a caller waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AwaitedEvent {
    /// The event.
    pub event_id: EventId,
    /// For a vote, the video whose count of votes the caller wants.
    pub voted_video: Option<VideoId>,
}

/// The verdicts and checkpoints of the projection, in the database.
#[async_trait]
pub trait VerdictLookup: Send + Sync + 'static {
    /// The verdicts of the events that are below the checkpoint of their partition: rejected if there is a
    /// rejection row, else accepted. An event that is not folded yet has no verdict; neither has one that
    /// a rebuild has not reached again. One query for all events reads checkpoints and rows from the same
    /// snapshot.
    async fn verdicts(
        &self,
        events: &[(Position, AwaitedEvent)],
    ) -> Result<HashMap<EventId, Verdict>, LookupError>;

    /// For each partition, the first offset that the projection has not folded.
    async fn checkpoints(&self) -> Result<Vec<Position>, LookupError>;
}
