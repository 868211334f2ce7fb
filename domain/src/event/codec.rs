//! How events are written down: type name, schema version, JSON.
//!
//! Reading goes through [`decode`], which takes every version ever written: an old payload is
//! upcast one version at a time to the newest one, then parsed. Writing always uses the newest.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{AccountEvent, Event, StreamId, VideoEvent};

/// The types of event, with their newest schema version, in the order of the design's table.
pub const TYPES: [(&str, u32); 11] = [
    (ACCOUNT_REGISTERED, 1),
    (ACCOUNT_ERASED, 1),
    (OPERATOR_GRANTED, 1),
    (OPERATOR_REVOKED, 1),
    (VIDEO_UPLOADED, 1),
    (VIDEO_PROCESSING_STARTED, 1),
    (VIDEO_PROCESSED, 2),
    (VIDEO_PROCESSING_FAILED, 2),
    (VIDEO_DELETED, 1),
    (VIDEO_WITHDRAWN, 1),
    (VOTE_CAST, 1),
];

const ACCOUNT_REGISTERED: &str = "anb.account.registered";
const ACCOUNT_ERASED: &str = "anb.account.erased";
const OPERATOR_GRANTED: &str = "anb.operator.granted";
const OPERATOR_REVOKED: &str = "anb.operator.revoked";
const VIDEO_UPLOADED: &str = "anb.video.uploaded";
const VIDEO_PROCESSING_STARTED: &str = "anb.video.processing_started";
const VIDEO_PROCESSED: &str = "anb.video.processed";
const VIDEO_PROCESSING_FAILED: &str = "anb.video.processing_failed";
const VIDEO_DELETED: &str = "anb.video.deleted";
const VIDEO_WITHDRAWN: &str = "anb.video.withdrawn";
const VOTE_CAST: &str = "anb.vote.cast";

/// An event as it is written: what goes into `ce_type`, `ce_schemaversion` and the record's value.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// The type's name.
    pub event_type: &'static str,
    /// The schema version of the payload.
    pub version: u32,
    /// The payload.
    pub data: Value,
}

/// A record that is no event we know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No event has this type.
    #[error("unknown event type `{0}`")]
    UnknownType(String),
    /// The type exists, but not in this version.
    #[error("unknown version {version} of `{event_type}`")]
    UnknownVersion {
        /// The type's name.
        event_type: String,
        /// The version that was claimed.
        version: u32,
    },
    /// The type belongs to another kind of stream, or the payload names another one.
    #[error("a `{event_type}` does not belong into stream `{stream}`")]
    WrongStream {
        /// The type's name.
        event_type: String,
        /// The stream that it stood in.
        stream: String,
    },
    /// The payload is not what its type and version promise.
    #[error("bad payload: {0}")]
    BadPayload(String),
}

/// Writes an event down.
///
/// # Errors
/// Only if JSON cannot express the payload, which no event's can bring about.
pub fn encode(event: &Event) -> Result<Encoded, serde_json::Error> {
    use serde_json::to_value;
    let (event_type, data) = match event {
        Event::Account(_, account) => match account {
            AccountEvent::Registered(e) => (ACCOUNT_REGISTERED, to_value(e)?),
            AccountEvent::Erased(e) => (ACCOUNT_ERASED, to_value(e)?),
            AccountEvent::OperatorGranted(e) => (OPERATOR_GRANTED, to_value(e)?),
            AccountEvent::OperatorRevoked(e) => (OPERATOR_REVOKED, to_value(e)?),
        },
        Event::Video(_, video) => match video {
            VideoEvent::Uploaded(e) => (VIDEO_UPLOADED, to_value(e)?),
            VideoEvent::ProcessingStarted(e) => (VIDEO_PROCESSING_STARTED, to_value(e)?),
            VideoEvent::Processed(e) => (VIDEO_PROCESSED, to_value(e)?),
            VideoEvent::ProcessingFailed(e) => (VIDEO_PROCESSING_FAILED, to_value(e)?),
            VideoEvent::Deleted(e) => (VIDEO_DELETED, to_value(e)?),
            VideoEvent::Withdrawn(e) => (VIDEO_WITHDRAWN, to_value(e)?),
            VideoEvent::VoteCast(e) => (VOTE_CAST, to_value(e)?),
        },
    };
    Ok(Encoded { event_type, version: newest_version(event_type).unwrap_or(1), data })
}

/// Reads an event, whatever version it was written in.
///
/// # Errors
/// [`DecodeError`] if the record is no event that this version knows; the caller keeps it as a dead
/// letter.
pub fn decode(
    stream: &StreamId,
    event_type: &str,
    version: u32,
    data: Value,
) -> Result<Event, DecodeError> {
    let newest = newest_version(event_type)
        .ok_or_else(|| DecodeError::UnknownType(event_type.to_owned()))?;
    if version == 0 || version > newest {
        let event_type = event_type.to_owned();
        return Err(DecodeError::UnknownVersion { event_type, version });
    }
    let data = (version..newest).fold(data, |data, from| upcast(event_type, from, data));
    let wrong_stream = || DecodeError::WrongStream {
        event_type: event_type.to_owned(),
        stream: stream.to_string(),
    };
    match stream {
        StreamId::Account(email) => {
            let event = match event_type {
                ACCOUNT_REGISTERED => AccountEvent::Registered(parse(data)?),
                ACCOUNT_ERASED => AccountEvent::Erased(parse(data)?),
                OPERATOR_GRANTED => AccountEvent::OperatorGranted(parse(data)?),
                OPERATOR_REVOKED => AccountEvent::OperatorRevoked(parse(data)?),
                _ => return Err(wrong_stream()),
            };
            Ok(Event::Account(email.clone(), event))
        }
        StreamId::Video(video) => {
            let event = match event_type {
                VIDEO_UPLOADED => VideoEvent::Uploaded(parse(data)?),
                VIDEO_PROCESSING_STARTED => VideoEvent::ProcessingStarted(parse(data)?),
                VIDEO_PROCESSED => VideoEvent::Processed(parse(data)?),
                VIDEO_PROCESSING_FAILED => VideoEvent::ProcessingFailed(parse(data)?),
                VIDEO_DELETED => VideoEvent::Deleted(parse(data)?),
                VIDEO_WITHDRAWN => VideoEvent::Withdrawn(parse(data)?),
                VOTE_CAST => VideoEvent::VoteCast(parse(data)?),
                _ => return Err(wrong_stream()),
            };
            match &event {
                VideoEvent::Uploaded(uploaded) if uploaded.video_id != *video => {
                    Err(wrong_stream())
                }
                _ => Ok(Event::Video(*video, event)),
            }
        }
    }
}

fn newest_version(event_type: &str) -> Option<u32> {
    TYPES.iter().find(|(name, _)| *name == event_type).map(|(_, version)| *version)
}

/// Lifts a payload from version `from` to `from + 1`. A type that gets a new version adds its arm
/// here, and keeps the golden files of all earlier ones. The second version of `processing_failed`
/// only knows more reasons: a payload of the first one already is one of the second.
fn upcast(event_type: &str, from: u32, mut data: Value) -> Value {
    // Videos had no adaptive stream then.
    if let (VIDEO_PROCESSED, 1, Some(members)) = (event_type, from, data.as_object_mut()) {
        members.insert("hls_key".to_owned(), Value::Null);
    }
    data
}

fn parse<T: DeserializeOwned>(data: Value) -> Result<T, DecodeError> {
    serde_json::from_value(data).map_err(|error| DecodeError::BadPayload(error.to_string()))
}
