//! The lines of an export.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::{Position, Timestamp};
use serde::{Deserialize, Serialize};

use crate::event_log::Record;

/// The name of the format.
pub(super) const FORMAT: &str = "anb-log-export";
/// The version that this code reads and writes.
pub(super) const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format: String,
    pub(super) version: u32,
    pub(super) partitions: u32,
}

/// A line after the first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Line {
    Record(RecordLine),
    Trailer(Trailer),
}

/// A record, as its log held it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RecordLine {
    partition: u32,
    offset: u64,
    time: Timestamp,
    key: Option<Octets>,
    headers: Vec<(String, Octets)>,
    value: Option<Octets>,
}

/// The last line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trailer {
    pub(super) records: u64,
    /// Streams of the records that can move.
    pub(super) streams: u64,
    /// The hash of these streams, as a copy prints it.
    pub(super) streams_sha256: String,
    /// SHA-256 of all lines above, line ends included.
    pub(super) sha256: String,
}

/// Bytes: text if they are UTF-8.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Octets {
    Text(String),
    Other { base64: String },
}

impl Octets {
    fn of(bytes: &Bytes) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Other { base64: STANDARD.encode(bytes) },
        }
    }

    fn bytes(self) -> Result<Bytes, base64::DecodeError> {
        match self {
            Self::Text(text) => Ok(Bytes::from(text)),
            Self::Other { base64 } => STANDARD.decode(base64).map(Bytes::from),
        }
    }
}

impl RecordLine {
    pub(super) fn of(record: &Record) -> Self {
        let header = |(name, value): &(String, Bytes)| (name.clone(), Octets::of(value));
        Self {
            partition: record.position.partition,
            offset: record.position.offset,
            time: record.at,
            key: record.key.as_ref().map(Octets::of),
            headers: record.headers.iter().map(header).collect(),
            value: record.value.as_ref().map(Octets::of),
        }
    }

    pub(super) fn record(self) -> Result<Record, base64::DecodeError> {
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, value) in self.headers {
            headers.push((name, value.bytes()?));
        }
        Ok(Record {
            position: Position { partition: self.partition, offset: self.offset },
            at: self.time,
            key: self.key.map(Octets::bytes).transpose()?,
            headers,
            value: self.value.map(Octets::bytes).transpose()?,
        })
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
