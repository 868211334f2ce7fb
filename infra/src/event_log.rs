//! The event log: the only source of truth.
//!
//! The port has three operations: append, read from a position, and ask for the end. Offsets grow within
//! a partition. The only arithmetic that readers may do on them is `last + 1`.
//!
//! Adapters: `postgres` (the embedded default) and `kafka`. The contract tests in `infra/tests/event_log/`
//! run against both.

pub mod envelope;
mod identity;
pub mod kafka;
pub mod partition;
pub mod postgres;
pub mod read_only;

use std::error::Error;

use async_trait::async_trait;
use bytes::Bytes;
use domain::{Position, Timestamp};
use uuid::Uuid;

use crate::cause::{Cause, cause};

pub use identity::LogIdentity;

/// The maximum size of a record in bytes: key, headers and value. It is below the default limit of a
/// Kafka broker (`max.message.bytes`, 1 MiB with framing). It is the same for every adapter, so that a
/// log can move between them.
pub const MAX_RECORD_BYTES: usize = 900_000;

/// A record to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// The stream id. It decides the partition: [`partition::partition_of`].
    pub key: String,
    /// CloudEvents attributes, `ce_` prefixed, and `traceparent`; names are unique.
    pub headers: Vec<(String, String)>,
    /// The payload: JSON.
    pub value: Bytes,
}

impl NewRecord {
    /// Rejects a record that no log accepts, before it is queued.
    fn checked(self) -> Result<Self, AppendError> {
        let headers: usize =
            self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        let bytes = self.key.len() + headers + self.value.len();
        if bytes > MAX_RECORD_BYTES {
            return Err(AppendError::TooLarge { bytes, max: MAX_RECORD_BYTES });
        }
        Ok(self)
    }
}

/// A record as the log holds it. Its content is not validated: any client of the broker may have written
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it is.
    pub position: Position,
    /// When the log appended it.
    pub at: Timestamp,
    /// The stream id, if the record has a key.
    pub key: Option<Bytes>,
    /// Headers in the order written.
    pub headers: Vec<(String, Bytes)>,
    /// The payload, if the record has one.
    pub value: Option<Bytes>,
}

impl Record {
    /// An id that tells this record from any other that could stand at its position: its `ce_id`, or a
    /// name-based UUID of its bytes if it has none.
    pub fn fingerprint(&self) -> Uuid {
        let text = |name: &str| {
            let header = self.headers.iter().rfind(|(key, _)| key == name);
            header.and_then(|(_, value)| std::str::from_utf8(value).ok())
        };
        if let Some(id) = text("ce_id").and_then(|id| id.parse().ok()) {
            return id;
        }
        let mut bytes = Vec::new();
        let headers = self.headers.iter().flat_map(|(key, value)| [key.as_bytes(), value]);
        let parts = [self.key.as_deref(), self.value.as_deref()].map(Option::unwrap_or_default);
        for part in parts.into_iter().chain(headers) {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        Uuid::new_v5(&Uuid::NAMESPACE_OID, &bytes)
    }
}

/// The log.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// The fixed number of partitions.
    fn partitions(&self) -> u32;

    /// Appends each record to its partition. Returns one result for each record, in the same order.
    /// Records of one call that share a key keep their order. The adapter batches concurrent calls, so
    /// callers need not.
    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Position, AppendError>>;

    /// Opens a reader over the partitions named in `from`, each from its own offset on.
    ///
    /// # Errors
    /// [`ReadError::OffsetGone`] if an offset is before the first or after the end of its partition. Then
    /// the log was truncated, or it is another log.
    async fn read(&self, from: &[Position]) -> Result<Box<dyn LogReader>, ReadError>;

    /// Returns for each partition the offset that the next record will get.
    ///
    /// # Errors
    /// Also if a single partition cannot be asked; the error names it.
    async fn end_offsets(&self) -> Result<Vec<u64>, ReadError>;

    /// As [`Self::end_offsets`], with `None` for a partition that cannot be asked now.
    ///
    /// # Errors
    /// If no partition can be asked.
    async fn known_end_offsets(&self) -> Result<Vec<Option<u64>>, ReadError> {
        Ok(self.end_offsets().await?.into_iter().map(Some).collect())
    }

    /// Asks the server which log this is now. The answer changes if the log is made again while the
    /// process runs.
    async fn identity(&self) -> Result<LogIdentity, ReadError>;
}

/// Some partitions have no leader that answers. The others can be read and appended to.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no leader answers for {}", named(.partitions))]
pub struct NoLeader {
    /// Which partitions.
    pub partitions: Vec<u32>,
}

impl NoLeader {
    /// The partitions whose end offset is unknown, if there are any.
    pub fn among(ends: &[Option<u64>]) -> Option<Self> {
        let unknown = (0..).zip(ends).filter(|(_, end)| end.is_none());
        let partitions: Vec<u32> = unknown.map(|(partition, _)| partition).collect();
        (!partitions.is_empty()).then_some(Self { partitions })
    }
}

/// Partitions for a sentence; of many only the first.
fn named(partitions: &[u32]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<String> = partitions.iter().take(SHOWN).map(u32::to_string).collect();
    let noun = if partitions.len() == 1 { "partition" } else { "partitions" };
    let more = match partitions.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{noun} {}{more}", shown.join(", "))
}

/// A reader: the records of some partitions, each partition in order.
#[async_trait]
pub trait LogReader: Send {
    /// Waits for at least one record, then returns the available records, at most `max`.
    ///
    /// Cancel-safe: a dropped call loses no record. After [`ReadError::Unavailable`] the caller may call
    /// again, and the reader continues where it was.
    async fn next(&mut self, max: usize) -> Result<Vec<Record>, ReadError>;
}

/// Why a record was not appended, or may not have been.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// The record is too large; it was not appended.
    #[error("the record has {bytes} bytes, the log takes {max}")]
    TooLarge {
        /// The record's size: key, headers and value.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The log cannot be reached, or its queue is full. The record was not appended.
    #[error("the log is unavailable: {0}")]
    Unavailable(#[source] Cause),
    /// The record may or may not have been appended. Only a retry with the same event id is safe.
    #[error("the outcome of the append is unknown: {0}")]
    Unknown(#[source] Cause),
}

impl AppendError {
    /// The record was not appended, for this reason.
    pub fn unavailable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause(error))
    }

    /// The record may or may not have been appended, for this reason.
    pub fn unknown(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unknown(cause(error))
    }
}

/// Why the log cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// The offset no longer exists, or does not exist yet. A reader must stop and never skip.
    #[error(
        "offset {requested} of partition {partition} does not exist: \
         the log holds {first} to {end} (exclusive)"
    )]
    OffsetGone {
        /// The partition.
        partition: u32,
        /// The offset asked for.
        requested: u64,
        /// The first offset that exists.
        first: u64,
        /// The offset that the next record will get.
        end: u64,
    },
    /// The log cannot be reached right now.
    #[error("the log is unavailable: {0}")]
    Unavailable(#[source] Cause),
}

impl ReadError {
    /// The log cannot be read now, for this reason.
    pub fn unavailable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause(error))
    }
}

/// Why a log cannot be opened at start.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenError {
    /// The log has another number of partitions. Streams would go to other partitions than before.
    #[error(
        "the log has {found} partitions, LOG_PARTITIONS says {wanted}: set LOG_PARTITIONS={found}, \
         or copy the log into a new one with {wanted} (`anb log copy`)"
    )]
    PartitionCount {
        /// As configured.
        wanted: u32,
        /// As found.
        found: u32,
    },
    /// The log cannot be reached.
    #[error("the log is unavailable: {0}")]
    Unavailable(#[source] Cause),
    /// A setting makes no sense.
    #[error("{0}")]
    Misconfigured(String),
}

impl OpenError {
    /// The log cannot be reached, for this reason.
    fn unavailable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_without_a_leader_are_named() {
        let missing = |ends: &[Option<u64>]| NoLeader::among(ends).map(|error| error.to_string());
        assert_eq!(missing(&[Some(0), Some(7)]), None);
        let one = missing(&[Some(0), None]);
        assert_eq!(one.as_deref(), Some("no leader answers for partition 1"));
        let many = missing(&[None; 12]);
        let wanted = "no leader answers for partitions 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more";
        assert_eq!(many.as_deref(), Some(wanted));
    }
}
