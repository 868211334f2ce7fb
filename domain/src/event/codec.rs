//! How events are encoded: type, schema version, JSON.
//!
//! [`decode`] reads every version ever written: it upcasts an old payload one version at a time to
//! the newest one and parses that. [`encode`] always writes the newest version.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{AccountEvent, Event, EventType, VideoEvent};
use crate::id::StreamId;

/// An encoded event: the headers `ce_type` and `ce_schemaversion`, and the value of the record.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// The type.
    pub event_type: EventType,
    /// The schema version of the payload.
    pub version: u32,
    /// The payload.
    pub data: Value,
}

/// Why a record is no event that this version of the code knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No event has this type.
    #[error("unknown event type `{0}`")]
    UnknownType(String),
    /// The type exists, but not in this version.
    #[error("unknown version {version} of `{event_type}`")]
    UnknownVersion {
        /// The type.
        event_type: String,
        /// The version that the record claims.
        version: u32,
    },
    /// The type belongs to another kind of stream, or the payload names another stream.
    #[error("a `{event_type}` does not belong into stream `{stream}`")]
    WrongStream {
        /// The type.
        event_type: String,
        /// The stream of the record.
        stream: String,
    },
    /// The payload does not match its type and version. The text is that of the JSON error, which
    /// has no source of its own.
    #[error("bad payload: {0}")]
    BadPayload(String),
}

impl DecodeError {
    /// Whether a newer version of this code can read the record: its type is one of ours that this version
    /// does not know, or its schema version is higher.
    pub fn is_newer(&self) -> bool {
        match self {
            Self::UnknownType(event_type) => event_type.starts_with(TYPE_PREFIX),
            Self::UnknownVersion { version, .. } => *version > 0,
            Self::WrongStream { .. } | Self::BadPayload(_) => false,
        }
    }
}

/// The prefix of all event types of this contest, in every version. No other producer uses it.
const TYPE_PREFIX: &str = "anb.";

/// Encodes an event in the newest version of its type.
///
/// # Errors
/// If JSON cannot express the payload, which no event brings about.
pub fn encode(event: &Event) -> Result<Encoded, serde_json::Error> {
    use serde_json::to_value;
    let data = match event {
        Event::Account(_, account) => match account {
            AccountEvent::Registered(payload) => to_value(payload),
            AccountEvent::Erased(payload) => to_value(payload),
            AccountEvent::OperatorGranted(payload) => to_value(payload),
            AccountEvent::OperatorRevoked(payload) => to_value(payload),
        },
        Event::Video(_, video) => match video {
            VideoEvent::Uploaded(payload) => to_value(payload),
            VideoEvent::ProcessingStarted(payload) => to_value(payload),
            VideoEvent::Processed(payload) => to_value(payload),
            VideoEvent::ProcessingFailed(payload) => to_value(payload),
            VideoEvent::Deleted(payload) => to_value(payload),
            VideoEvent::Withdrawn(payload) => to_value(payload),
            VideoEvent::VoteCast(payload) => to_value(payload),
        },
    }?;
    let event_type = event.event_type();
    Ok(Encoded { event_type, version: event_type.newest_version(), data })
}

/// The type, if this version of the code can read it in this schema version.
///
/// # Errors
/// [`DecodeError::UnknownType`], [`DecodeError::UnknownVersion`]
pub fn readable_type(event_type: &str, version: u32) -> Result<EventType, DecodeError> {
    let known = EventType::from_code(event_type)
        .ok_or_else(|| DecodeError::UnknownType(event_type.to_owned()))?;
    if version == 0 || version > known.newest_version() {
        let event_type = event_type.to_owned();
        return Err(DecodeError::UnknownVersion { event_type, version });
    }
    Ok(known)
}

/// Decodes an event of any version.
///
/// # Errors
/// [`DecodeError`] if this version of the code knows no such event.
pub fn decode(
    stream: &StreamId,
    event_type: &str,
    version: u32,
    data: Value,
) -> Result<Event, DecodeError> {
    let known = readable_type(event_type, version)?;
    if has_nul(&data) {
        return Err(DecodeError::BadPayload(
            "a text holds NUL, which no command lets in".to_owned(),
        ));
    }
    let data = (version..known.newest_version()).fold(data, |data, from| upcast(known, from, data));
    let wrong_stream = || DecodeError::WrongStream {
        event_type: event_type.to_owned(),
        stream: stream.to_string(),
    };
    match stream {
        StreamId::Account(email) => {
            let event = match known {
                EventType::AccountRegistered => AccountEvent::Registered(parse(data)?),
                EventType::AccountErased => AccountEvent::Erased(parse(data)?),
                EventType::OperatorGranted => AccountEvent::OperatorGranted(parse(data)?),
                EventType::OperatorRevoked => AccountEvent::OperatorRevoked(parse(data)?),
                EventType::VideoUploaded
                | EventType::VideoProcessingStarted
                | EventType::VideoProcessed
                | EventType::VideoProcessingFailed
                | EventType::VideoDeleted
                | EventType::VideoWithdrawn
                | EventType::VoteCast => return Err(wrong_stream()),
            };
            Ok(Event::Account(email.clone(), event))
        }
        StreamId::Video(video) => {
            let event = match known {
                EventType::VideoUploaded => {
                    let uploaded: super::Uploaded = parse(data)?;
                    if uploaded.video_id != *video {
                        return Err(wrong_stream());
                    }
                    VideoEvent::Uploaded(uploaded)
                }
                EventType::VideoProcessingStarted => VideoEvent::ProcessingStarted(parse(data)?),
                EventType::VideoProcessed => VideoEvent::Processed(parse(data)?),
                EventType::VideoProcessingFailed => VideoEvent::ProcessingFailed(parse(data)?),
                EventType::VideoDeleted => VideoEvent::Deleted(parse(data)?),
                EventType::VideoWithdrawn => VideoEvent::Withdrawn(parse(data)?),
                EventType::VoteCast => VideoEvent::VoteCast(parse(data)?),
                EventType::AccountRegistered
                | EventType::AccountErased
                | EventType::OperatorGranted
                | EventType::OperatorRevoked => return Err(wrong_stream()),
            };
            Ok(Event::Video(*video, event))
        }
    }
}

/// Lifts a payload from version `from` to the next one. A type that gets a new version adds its step
/// here and keeps the golden files of all earlier versions.
fn upcast(event_type: EventType, from: u32, mut data: Value) -> Value {
    match event_type {
        EventType::VideoProcessed => {
            // Version 2 adds the adaptive stream.
            if let (1, Some(members)) = (from, data.as_object_mut()) {
                members.insert("hls_key".to_owned(), Value::Null);
            }
            data
        }
        // Version 2 only adds reasons.
        EventType::VideoProcessingFailed => data,
        // One version only.
        EventType::AccountRegistered
        | EventType::AccountErased
        | EventType::OperatorGranted
        | EventType::OperatorRevoked
        | EventType::VideoUploaded
        | EventType::VideoProcessingStarted
        | EventType::VideoDeleted
        | EventType::VideoWithdrawn
        | EventType::VoteCast => data,
    }
}

/// Read models cannot store NUL in a text.
fn has_nul(data: &Value) -> bool {
    match data {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members.values().any(has_nul),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn parse<T: DeserializeOwned>(data: Value) -> Result<T, DecodeError> {
    serde_json::from_value(data).map_err(|error| DecodeError::BadPayload(error.to_string()))
}
