//! The events: everything that ever happens in a contest.
//!
//! An event is for ever. A field's name or meaning never changes; a change of shape is a new schema
//! version with an upcaster in [`codec`], and the old version's golden file stays as it is.

pub mod codec;

use serde::{Deserialize, Serialize};

use crate::{AccountId, EmailKey, EventId, Position, StreamId, Timestamp, VideoId};

/// An event, together with the stream it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something about an email address.
    Account(EmailKey, AccountEvent),
    /// Something about a video.
    Video(VideoId, VideoEvent),
}

impl Event {
    /// The stream that the event belongs to: its key in the log.
    pub fn stream(&self) -> StreamId {
        match self {
            Self::Account(email, _) => StreamId::Account(email.clone()),
            Self::Video(video, _) => StreamId::Video(*video),
        }
    }
}

/// What happens to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountEvent {
    /// A person signed up.
    Registered(Registered),
    /// The person left for good: whatever told who they are is gone.
    Erased(Erased),
    /// The person may see how the installation fares from now on.
    OperatorGranted(OperatorGranted),
    /// The person may no longer.
    OperatorRevoked(OperatorRevoked),
}

impl AccountEvent {
    /// The account that it is about. One address may have had several, one after the other.
    pub fn account(&self) -> AccountId {
        match self {
            Self::Registered(registered) => registered.account_id,
            Self::Erased(erased) => erased.account_id,
            Self::OperatorGranted(granted) => granted.account_id,
            Self::OperatorRevoked(revoked) => revoked.account_id,
        }
    }
}

/// What happens to a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VideoEvent {
    /// The original is stored, whole.
    Uploaded(Uploaded),
    /// A worker began to process it.
    ProcessingStarted(ProcessingStarted),
    /// The finished video is stored and may be published.
    Processed(Processed),
    /// A worker could not process it.
    ProcessingFailed(ProcessingFailed),
    /// Its owner took it back.
    Deleted(Deleted),
    /// Its owner's account was erased before it came on stage.
    Withdrawn(Withdrawn),
    /// Somebody voted for it.
    VoteCast(VoteCast),
}

/// Payload of `anb.account.registered`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// The new account.
    pub account_id: AccountId,
    /// Where the person lives, as they spelled it.
    pub city: String,
    /// The country, as they spelled it.
    pub country: String,
}

/// Payload of `anb.account.erased`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// The account that is no more.
    pub account_id: AccountId,
}

/// Payload of `anb.operator.granted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorGranted {
    /// Whose account it is.
    pub account_id: AccountId,
}

/// Payload of `anb.operator.revoked`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorRevoked {
    /// Whose account it is.
    pub account_id: AccountId,
}

/// Payload of `anb.video.uploaded`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uploaded {
    /// The new video.
    pub video_id: VideoId,
    /// Who uploaded it.
    pub owner: AccountId,
    /// Its title.
    pub title: String,
    /// Its description, if there is one.
    pub description: Option<String>,
    /// Where the original lies in object storage.
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
    /// Counted from 1.
    pub attempt: u32,
}

/// Payload of `anb.video.processed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processed {
    /// Where the finished video lies in object storage.
    pub processed_key: String,
    /// Where its still picture lies.
    pub poster_key: String,
    /// Where the list of its adaptive stream lies (HLS), if it has one.
    pub hls_key: Option<String>,
    /// Length in milliseconds.
    pub duration_ms: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Size of the finished video in bytes.
    pub bytes: u64,
}

/// Payload of `anb.video.processing_failed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessingFailed {
    /// The attempt that failed, counted from 1.
    pub attempt: u32,
    /// Why.
    pub reason: FailureReason,
    /// Whether this was the last attempt.
    #[serde(rename = "final")]
    pub is_final: bool,
}

/// Why a video could not be processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// The container or a stream in it cannot be decoded.
    Undecodable,
    /// The container, or the codec in it, is none that the contest accepts.
    UnsupportedFormat,
    /// There is no picture in it.
    NoVideoStream,
    /// More than a machine can hold. Before version 2 also: too many pixels, streams or frames.
    TooLarge,
    /// The picture has too many pixels.
    TooManyPixels,
    /// There are too many streams in it.
    TooManyStreams,
    /// More frames come before the cut than a film has.
    TooManyFrames,
    /// It claims to last longer than any entry to the contest.
    TooLong,
    /// Processing took longer than allowed.
    TimedOut,
    /// The machine ran out of memory. Before version 2 also: out of disk.
    OutOfResources,
    /// The disk of the machine is full.
    OutOfSpace,
    /// The worker died, or lost its lease.
    WorkerLost,
    /// The object store could not be read or written.
    StorageUnavailable,
    /// A defect on our side.
    Internal,
}

impl FailureReason {
    /// The stable code: the same text as in the event.
    pub fn code(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::UnsupportedFormat => "unsupported_format",
            Self::NoVideoStream => "no_video_stream",
            Self::TooLarge => "too_large",
            Self::TooManyPixels => "too_many_pixels",
            Self::TooManyStreams => "too_many_streams",
            Self::TooManyFrames => "too_many_frames",
            Self::TooLong => "too_long",
            Self::TimedOut => "timed_out",
            Self::OutOfResources => "out_of_resources",
            Self::OutOfSpace => "out_of_space",
            Self::WorkerLost => "worker_lost",
            Self::StorageUnavailable => "storage_unavailable",
            Self::Internal => "internal",
        }
    }

    /// Reads a code back.
    pub fn from_code(code: &str) -> Option<Self> {
        serde_json::from_value(serde_json::Value::from(code)).ok()
    }
}

/// Payload of `anb.video.deleted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    /// Who asked for it.
    pub by: AccountId,
}

/// Payload of `anb.video.withdrawn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// The owner who has left.
    pub owner: AccountId,
}

/// Payload of `anb.vote.cast`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteCast {
    /// Who voted.
    pub voter: AccountId,
}

/// An event as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The event's own id.
    pub event_id: EventId,
    /// Its place in the log.
    pub position: Position,
    /// When the log appended it: the time that rules use.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}
