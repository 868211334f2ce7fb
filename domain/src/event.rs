//! The events: everything that happens in a contest.
//!
//! Events are never rewritten, so the name and the meaning of a field never change. Another shape is
//! another schema version with an upcaster in [`codec`]; the golden files of old versions stay.

pub mod codec;
mod event_type;
mod failure_reason;

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, EmailKey, EventId, StreamId, VideoId};
use crate::position::Position;
use crate::time::Timestamp;

pub use event_type::EventType;
pub use failure_reason::FailureReason;

/// An event, with the stream that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// In the stream of an email address.
    Account(EmailKey, AccountEvent),
    /// In the stream of a video.
    Video(VideoId, VideoEvent),
}

impl Event {
    /// The stream that the event belongs to: the key of its record.
    pub fn stream(&self) -> StreamId {
        match self {
            Self::Account(email, _) => StreamId::Account(email.clone()),
            Self::Video(video, _) => StreamId::Video(*video),
        }
    }

    /// The type of the event.
    pub fn event_type(&self) -> EventType {
        match self {
            Self::Account(_, event) => match event {
                AccountEvent::Registered(_) => EventType::AccountRegistered,
                AccountEvent::Erased(_) => EventType::AccountErased,
                AccountEvent::OperatorGranted(_) => EventType::OperatorGranted,
                AccountEvent::OperatorRevoked(_) => EventType::OperatorRevoked,
            },
            Self::Video(_, event) => match event {
                VideoEvent::Uploaded(_) => EventType::VideoUploaded,
                VideoEvent::ProcessingStarted(_) => EventType::VideoProcessingStarted,
                VideoEvent::Processed(_) => EventType::VideoProcessed,
                VideoEvent::ProcessingFailed(_) => EventType::VideoProcessingFailed,
                VideoEvent::Deleted(_) => EventType::VideoDeleted,
                VideoEvent::Withdrawn(_) => EventType::VideoWithdrawn,
                VideoEvent::VoteCast(_) => EventType::VoteCast,
            },
        }
    }

    /// For a vote: the video, and who voted. `None` for every other event.
    pub fn vote(&self) -> Option<(VideoId, AccountId)> {
        match self {
            Self::Video(video, event) => match event {
                VideoEvent::VoteCast(vote) => Some((*video, vote.voter)),
                VideoEvent::Uploaded(_)
                | VideoEvent::ProcessingStarted(_)
                | VideoEvent::Processed(_)
                | VideoEvent::ProcessingFailed(_)
                | VideoEvent::Deleted(_)
                | VideoEvent::Withdrawn(_) => None,
            },
            Self::Account(..) => None,
        }
    }
}

/// An event in the stream of an email address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountEvent {
    /// A person signed up.
    Registered(Registered),
    /// A person erased their account. Their personal data is deleted.
    Erased(Erased),
    /// A person may use the operators' page from now on.
    OperatorGranted(OperatorGranted),
    /// A person may no longer use it.
    OperatorRevoked(OperatorRevoked),
}

impl AccountEvent {
    /// The account that the event is about. One address may have had several, one after the other.
    pub fn account(&self) -> AccountId {
        match self {
            Self::Registered(registered) => registered.account_id,
            Self::Erased(erased) => erased.account_id,
            Self::OperatorGranted(granted) => granted.account_id,
            Self::OperatorRevoked(revoked) => revoked.account_id,
        }
    }
}

/// An event in the stream of a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VideoEvent {
    /// The whole original is in object storage.
    Uploaded(Uploaded),
    /// A worker began to process it.
    ProcessingStarted(ProcessingStarted),
    /// The processed video is in object storage and may be published.
    Processed(Processed),
    /// A worker could not process it.
    ProcessingFailed(ProcessingFailed),
    /// Its owner deleted it.
    Deleted(Deleted),
    /// Its owner's account was erased before it was published.
    Withdrawn(Withdrawn),
    /// A person voted for it.
    VoteCast(VoteCast),
}

/// Payload of `anb.account.registered`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// The new account.
    pub account_id: AccountId,
    /// City, as the person spelled it.
    pub city: String,
    /// Country, as the person spelled it.
    pub country: String,
}

/// Payload of `anb.account.erased`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// The erased account.
    pub account_id: AccountId,
}

/// Payload of `anb.operator.granted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorGranted {
    /// The new operator.
    pub account_id: AccountId,
}

/// Payload of `anb.operator.revoked`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorRevoked {
    /// The former operator.
    pub account_id: AccountId,
}

/// Payload of `anb.video.uploaded`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uploaded {
    /// The new video.
    pub video_id: VideoId,
    /// The account that uploaded it.
    pub owner: AccountId,
    /// Its title.
    pub title: String,
    /// Its description, if there is one.
    pub description: Option<String>,
    /// Key of the original in object storage.
    pub original_key: String,
    /// Size of the original in bytes.
    pub bytes: u64,
    /// Media type of the original, as sniffed from its first bytes.
    pub content_type: String,
    /// SHA-256 of the original, in hex.
    pub sha256: String,
}

/// Payload of `anb.video.processing_started`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessingStarted {
    /// The attempt, counted from 1.
    pub attempt: u32,
}

/// Payload of `anb.video.processed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processed {
    /// Key of the processed video in object storage.
    pub processed_key: String,
    /// Key of the poster.
    pub poster_key: String,
    /// Key of the HLS master playlist; `None` in version 1, which has no adaptive stream.
    pub hls_key: Option<String>,
    /// Length in milliseconds.
    pub duration_ms: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Size of the processed video in bytes.
    pub bytes: u64,
}

/// Payload of `anb.video.processing_failed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessingFailed {
    /// The attempt that failed, counted from 1.
    pub attempt: u32,
    /// The reason.
    pub reason: FailureReason,
    /// Whether this was the last attempt.
    #[serde(rename = "final")]
    pub is_final: bool,
}

/// Payload of `anb.video.deleted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    /// The account that deleted it.
    pub by: AccountId,
}

/// Payload of `anb.video.withdrawn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// The owner, whose account was erased.
    pub owner: AccountId,
}

/// Payload of `anb.vote.cast`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteCast {
    /// The account that voted.
    pub voter: AccountId,
}

/// An event as the log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The id of the event.
    pub event_id: EventId,
    /// Where it stands in the log.
    pub position: Position,
    /// When the log appended it: the time that rules use.
    pub at: Timestamp,
    /// The event.
    pub event: Event,
}
