//! The envelope of an event: CloudEvents 1.0 in the binary mode of its Kafka binding.
//!
//! Attributes are record headers with the prefix `ce_`. The value is the JSON payload. The key of the
//! record is the stream id (`ce_subject`).

use bytes::Bytes;
use chrono::{SecondsFormat, Utc};
use domain::event::codec;
use domain::{AccountId, Event, EventId, Recorded, StreamId, Timestamp};

use super::partition::partition_of;
use super::{NewRecord, Record};

const SOURCE: &str = "/anb";
const SPEC_VERSION: &str = "1.0";

/// An event with its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The event's id (`ce_id`).
    pub event_id: EventId,
    /// What happened.
    pub event: Event,
    /// When the process created it (`ce_time`). Informative: rules use the time of the log.
    pub time: Timestamp,
    /// The request that caused it (`ce_correlationid`).
    pub correlation_id: Option<String>,
    /// The event that caused it (`ce_causationid`).
    pub causation_id: Option<EventId>,
    /// Who acted (`ce_actor`).
    pub actor: Option<AccountId>,
    /// W3C trace context (`traceparent`).
    pub traceparent: Option<String>,
}

impl Envelope {
    /// An envelope with the current time and no optional metadata.
    pub fn new(event_id: EventId, event: Event) -> Self {
        Self {
            event_id,
            event,
            time: Utc::now(),
            correlation_id: None,
            causation_id: None,
            actor: None,
            traceparent: None,
        }
    }

    /// The record to append.
    ///
    /// # Errors
    /// If JSON cannot express the payload. No payload of ours is like that.
    pub fn into_record(self) -> Result<NewRecord, serde_json::Error> {
        let key = self.event.stream().to_string();
        let encoded = codec::encode(&self.event)?;
        let mut headers = vec![
            ("ce_specversion".to_owned(), SPEC_VERSION.to_owned()),
            ("ce_id".to_owned(), self.event_id.to_string()),
            ("ce_type".to_owned(), encoded.event_type.code().to_owned()),
            ("ce_source".to_owned(), SOURCE.to_owned()),
            ("ce_subject".to_owned(), key.clone()),
            ("ce_time".to_owned(), self.time.to_rfc3339_opts(SecondsFormat::Micros, true)),
            ("ce_schemaversion".to_owned(), encoded.version.to_string()),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        let optional = [
            ("ce_correlationid", self.correlation_id),
            ("ce_causationid", self.causation_id.map(|id| id.to_string())),
            ("ce_actor", self.actor.map(|id| id.to_string())),
            ("traceparent", self.traceparent),
        ];
        headers.extend(optional.into_iter().filter_map(|(k, v)| Some((k.to_owned(), v?))));
        let value = Bytes::from(serde_json::to_vec(&encoded.data)?);
        Ok(NewRecord { key, headers, value })
    }
}

/// Why a record is no event that this version can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// No key, no value, or a header is missing or malformed.
    #[error("{0}")]
    Malformed(String),
    /// The key belongs to another partition. Its stream would be split.
    #[error("key `{key}` belongs to partition {expected}")]
    WrongPartition {
        /// The record's key.
        key: String,
        /// The partition of this key.
        expected: u32,
    },
    /// The envelope is valid, but the event is unknown.
    #[error(transparent)]
    Event(#[from] codec::DecodeError),
}

impl EnvelopeError {
    /// Whether a newer version of this code can read the record. Then it must wait for that version.
    pub fn is_newer(&self) -> bool {
        match self {
            Self::Event(error) => error.is_newer(),
            Self::Malformed(_) | Self::WrongPartition { .. } => false,
        }
    }
}

impl Record {
    /// Parses the envelope, of any version ever written, in a log of `partitions` partitions.
    ///
    /// # Errors
    /// [`EnvelopeError`]
    pub fn open(&self, partitions: u32) -> Result<Recorded, EnvelopeError> {
        let malformed = |what: &str| EnvelopeError::Malformed(what.to_owned());
        let headers = self.attributes()?;
        let header = |name: &str| {
            let found = headers.iter().rfind(|(known, _)| *known == name);
            let value = found.map(|(_, value)| *value);
            value.ok_or_else(|| EnvelopeError::Malformed(format!("no header `{name}`")))
        };
        if header("ce_specversion")? != SPEC_VERSION {
            return Err(malformed("`ce_specversion` is not 1.0"));
        }
        let version = header("ce_schemaversion")?
            .parse()
            .map_err(|_| malformed("`ce_schemaversion` is no number"))?;
        // First, because a newer version may have other streams and other rules for everything below.
        codec::readable_type(header("ce_type")?, version)?;
        let key = self.key.as_deref().ok_or_else(|| malformed("the record has no key"))?;
        let key = std::str::from_utf8(key).map_err(|_| malformed("the key is no UTF-8"))?;
        let stream: StreamId =
            key.parse().map_err(|error| EnvelopeError::Malformed(format!("{error}")))?;
        let expected = partition_of(key.as_bytes(), partitions);
        if expected != self.position.partition {
            return Err(EnvelopeError::WrongPartition { key: key.to_owned(), expected });
        }
        if header("ce_subject")? != key {
            return Err(malformed("`ce_subject` differs from the key"));
        }
        let event_id = header("ce_id")?.parse().map_err(|_| malformed("`ce_id` is no UUID"))?;
        let value = self.value.as_deref().ok_or_else(|| malformed("the record has no value"))?;
        let data = serde_json::from_slice(value)
            .map_err(|error| EnvelopeError::Malformed(format!("the value is no JSON: {error}")))?;
        let event = codec::decode(&stream, header("ce_type")?, version, data)?;
        Ok(Recorded { event_id, position: self.position, at: self.at, event })
    }

    /// The CloudEvents attributes. They are few, so a linear search is faster than a map.
    fn attributes(&self) -> Result<Vec<(&str, &str)>, EnvelopeError> {
        self.headers
            .iter()
            .filter(|(name, _)| name.starts_with("ce_"))
            .map(|(name, value)| match std::str::from_utf8(value) {
                Ok(text) => Ok((name.as_str(), text)),
                Err(_) => Err(EnvelopeError::Malformed(format!("header `{name}` is no UTF-8"))),
            })
            .collect()
    }
}
