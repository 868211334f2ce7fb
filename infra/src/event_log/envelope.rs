//! The envelope of an event: CloudEvents 1.0 in the binary mode of its Kafka binding.
//!
//! Attributes are record headers with the prefix `ce_`. The value is the JSON payload. The key of the
//! record is the stream id (`ce_subject`).

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use domain::event::codec;
use domain::{AccountId, Event, EventId, Recorded, StreamId, Timestamp};

use super::partition::partition_of;
use super::{NewRecord, Record};

const SOURCE: &str = "/anb";
const SPEC_VERSION: &str = "1.0";

/// The CloudEvents extension attribute `logtime` of a copied record: when the first log appended it, as
/// RFC 3339. Only a copy or an import of a log writes it.
pub const LOG_TIME: &str = "ce_logtime";

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
        Ok(Recorded { event_id, position: self.position, at: self.original_time()?, event })
    }

    /// When the event was appended for the first time: [`LOG_TIME`] of a copied record, else the time of
    /// this log.
    ///
    /// # Errors
    /// [`EnvelopeError::Malformed`] if the header is no time.
    pub fn original_time(&self) -> Result<Timestamp, EnvelopeError> {
        let Some((_, value)) = self.headers.iter().rfind(|(name, _)| name == LOG_TIME) else {
            return Ok(self.at);
        };
        let text = std::str::from_utf8(value).ok();
        let time = text.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        let malformed = || EnvelopeError::Malformed(format!("`{LOG_TIME}` is no RFC 3339 time"));
        time.map(|time| time.with_timezone(&Utc)).ok_or_else(malformed)
    }

    /// [`Self::original_time`] for a record that may be unreadable. A malformed header counts as absent.
    pub fn time(&self) -> Timestamp {
        self.original_time().unwrap_or(self.at)
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

#[cfg(test)]
mod tests {
    use super::*;
    use domain::event::VoteCast;
    use domain::{Position, VideoEvent, VideoId};
    use uuid::Uuid;

    fn vote(log_times: &[&'static str]) -> Record {
        let voter = AccountId(Uuid::from_u128(1));
        let event = Event::Video(VideoId(Uuid::nil()), VideoEvent::VoteCast(VoteCast { voter }));
        let new = Envelope::new(EventId(Uuid::from_u128(9)), event).into_record().unwrap();
        let headers = new.headers.into_iter().map(|(name, value)| (name, Bytes::from(value)));
        let copied =
            log_times.iter().map(|time| (LOG_TIME.to_owned(), Bytes::from_static(time.as_bytes())));
        Record {
            position: Position { partition: 0, offset: 4 },
            at: DateTime::UNIX_EPOCH,
            key: Some(Bytes::from(new.key)),
            headers: headers.chain(copied).collect(),
            value: Some(new.value),
        }
    }

    #[test]
    fn a_record_has_the_time_of_its_log() {
        assert_eq!(vote(&[]).open(1).unwrap().at, DateTime::UNIX_EPOCH);
    }

    #[test]
    fn a_copied_record_keeps_its_original_time() {
        let copied = vote(&["2026-07-01T12:00:00.000001Z"]);
        let wanted = DateTime::from_timestamp_micros(1_782_907_200_000_001).unwrap();
        assert_eq!(copied.open(1).unwrap().at, wanted);
        assert_eq!(copied.time(), wanted);
    }

    #[test]
    fn a_malformed_original_time_makes_a_record_unreadable() {
        for malformed in ["", "yesterday", "2026-07-01", "1782907200"] {
            let record = vote(&[malformed]);
            let error = record.open(1).unwrap_err().to_string();
            assert_eq!(error, "`ce_logtime` is no RFC 3339 time", "{malformed}");
            assert_eq!(record.time(), DateTime::UNIX_EPOCH);
        }
    }
}
