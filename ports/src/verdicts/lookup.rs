//! The verdicts in the database.

use std::collections::HashMap;

use async_trait::async_trait;
use domain::{AccountEvent, AccountId, Event, EventId, Position, Verdict, VideoEvent, VideoId};

use crate::lookup_error::LookupError;

/// The row that carries the id of an event once the event has taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EffectRow {
    /// The account, or one of its operator grants.
    Account(AccountId),
    /// The video.
    Video(VideoId),
    /// The vote of a person for a video.
    Vote(VideoId, AccountId),
}

impl EffectRow {
    /// The row of this event. `None` for interim reports of the transcoder: the next report replaces what
    /// they changed, and no row carries their ids.
    pub fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Account(_, event) => match event {
                AccountEvent::Registered(_)
                | AccountEvent::Erased(_)
                | AccountEvent::OperatorGranted(_)
                | AccountEvent::OperatorRevoked(_) => Some(Self::Account(event.account())),
            },
            Event::Video(video, event) => match event {
                VideoEvent::Uploaded(_)
                | VideoEvent::Processed(_)
                | VideoEvent::Deleted(_)
                | VideoEvent::Withdrawn(_) => Some(Self::Video(*video)),
                VideoEvent::ProcessingFailed(failed) => {
                    failed.is_final.then_some(Self::Video(*video))
                }
                VideoEvent::ProcessingStarted(_) => None,
                VideoEvent::VoteCast(vote) => Some(Self::Vote(*video, vote.voter)),
            },
        }
    }
}

/// An event whose verdict a caller waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AwaitedEvent {
    /// The event.
    pub event_id: EventId,
    /// The row that shows its effect.
    pub effect: EffectRow,
}

/// What the read models say about an event below the checkpoint of its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoldedEvent {
    /// Its own row, or its rejection, carries its id.
    Decided(Verdict),
    /// No row carries its id. The record was unreadable, or the log is not the one that was folded.
    Missing,
}

/// The verdicts and checkpoints of the projection, in the database.
#[async_trait]
pub trait VerdictLookup: Send + Sync + 'static {
    /// What became of the events that are below the checkpoint of their partition. An event that is not
    /// folded yet is left out; so is one that a rebuild has not reached again.
    ///
    /// Nothing is accepted from absence: an event is accepted only if its own row carries its id. One query
    /// for all events reads checkpoints and rows from the same snapshot.
    async fn verdicts(
        &self,
        events: &[(Position, AwaitedEvent)],
    ) -> Result<HashMap<EventId, FoldedEvent>, LookupError>;

    /// For each partition, the first offset that the projection has not folded.
    async fn checkpoints(&self) -> Result<Vec<Position>, LookupError>;
}
