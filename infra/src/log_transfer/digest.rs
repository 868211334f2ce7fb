//! What a log holds: a count and a hash for each stream.

use std::collections::HashMap;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::event_log::NewRecord;

/// The records of one stream, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StreamDigest {
    pub(super) records: u64,
    /// Each record's hash covers that of the record before it.
    hash: [u8; 32],
}

impl StreamDigest {
    /// Adds a record: its headers, which contain event id and original time, and its value.
    pub(super) fn add(&mut self, record: &NewRecord) {
        let mut hasher = Sha256::new();
        hasher.update(self.hash);
        let mut field = |bytes: &[u8]| {
            // With its length, so that no two records have the same bytes.
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        for (name, value) in &record.headers {
            field(name.as_bytes());
            field(value.as_bytes());
        }
        field(&record.value);
        hasher.update((record.headers.len() as u64).to_le_bytes());
        self.hash = hasher.finalize().into();
        self.records += 1;
    }
}

/// A count and a hash for each stream. Memory grows with the number of streams, not of records.
///
/// Two logs with equal digests hold the same records in the same order within each stream. The order
/// between streams does not count, because it depends on the number of partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogDigest {
    pub(super) streams: HashMap<String, StreamDigest>,
}

impl LogDigest {
    /// Adds a record to its stream, and returns the stream before and after.
    pub(super) fn add(&mut self, record: &NewRecord) -> (StreamDigest, StreamDigest) {
        // Most records belong to a known stream, so the key is not cloned for them.
        let stream = match self.streams.get_mut(&record.key) {
            Some(stream) => stream,
            None => self.streams.entry(record.key.clone()).or_default(),
        };
        let before = *stream;
        stream.add(record);
        (before, *stream)
    }

    pub(super) fn stream(&self, key: &str) -> StreamDigest {
        self.streams.get(key).copied().unwrap_or_default()
    }

    /// The totals, and one hash over all streams.
    pub fn summary(&self) -> DigestSummary {
        let mut streams: Vec<_> = self.streams.iter().collect();
        streams.sort_unstable_by_key(|(key, _)| *key);
        let mut hasher = Sha256::new();
        let mut records = 0;
        for (key, stream) in &streams {
            hasher.update((key.len() as u64).to_le_bytes());
            hasher.update(key);
            hasher.update(stream.records.to_le_bytes());
            hasher.update(stream.hash);
            records += stream.records;
        }
        let hash = hasher.finalize().into();
        DigestSummary { records, streams: streams.len() as u64, hash }
    }
}

/// What a log holds, in one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestSummary {
    /// Records in all streams.
    pub records: u64,
    /// Streams.
    pub streams: u64,
    /// SHA-256 over the hashes of all streams, ordered by name.
    pub hash: [u8; 32],
}

impl fmt::Display for DigestSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records in {} streams, sha256 ", self.records, self.streams)?;
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn record(key: &str, headers: &[(&str, &str)], value: &'static str) -> NewRecord {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        NewRecord { key: key.to_owned(), headers: headers.collect(), value: Bytes::from(value) }
    }

    fn digest(records: &[NewRecord]) -> LogDigest {
        let mut digest = LogDigest::default();
        records.iter().for_each(|record| {
            digest.add(record);
        });
        digest
    }

    #[test]
    fn the_order_between_streams_does_not_count() {
        let (a, b, c) = (record("a", &[], "1"), record("a", &[], "2"), record("b", &[], "3"));
        let one = digest(&[a.clone(), b.clone(), c.clone()]);
        let other = digest(&[c, a, b]);
        assert_eq!(one, other);
        assert_eq!(one.summary(), other.summary());
        assert_eq!((one.summary().records, one.summary().streams), (3, 2));
    }

    #[test]
    fn everything_else_counts() {
        let original = record("a", &[("ce_id", "1"), ("x", "y")], "v");
        let (next, digest_of) = (record("a", &[], "2"), |record: &NewRecord| {
            digest(std::slice::from_ref(record)).summary().hash
        });
        let changed = [
            record("b", &[("ce_id", "1"), ("x", "y")], "v"),
            record("a", &[("ce_id", "2"), ("x", "y")], "v"),
            record("a", &[("x", "y"), ("ce_id", "1")], "v"),
            record("a", &[("ce_id", "1")], "v"),
            record("a", &[("ce_id", "1x"), ("", "y")], "v"),
            record("a", &[("ce_id", "1"), ("x", "y")], "w"),
            record("a", &[("ce_id", "1"), ("x", "y"), ("", "")], "v"),
        ];
        for changed in &changed {
            assert_ne!(digest_of(changed), digest_of(&original), "{changed:?}");
        }
        let (one, other) = (digest(&[original.clone(), next.clone()]), digest(&[next, original]));
        assert_ne!(one, other, "the order within a stream");
    }
}
