//! Random histories.

use std::sync::Arc;

use bytes::Bytes;
use domain::Timestamp;
use infra::event_log::NewRecord;
use infra::event_log::partition::partition_of;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::memory_log::{MemoryLog, raw};

pub(crate) const STREAMS: u64 = 9;

pub(crate) fn key(stream: u64) -> String {
    format!("video-{stream}")
}

/// A record of a stream. The number makes it unique.
pub(crate) fn record(stream: u64, number: u64) -> NewRecord {
    NewRecord {
        key: key(stream),
        headers: vec![
            ("ce_id".to_owned(), number.to_string()),
            ("ce_note".to_owned(), "ñandú \u{0}\" 漢字\n".to_owned()),
        ],
        value: Bytes::from(format!("{{\"number\": {number}}}")),
    }
}

/// Appends records number `from` to `to` (exclusive) to random streams, each at a time of its own.
pub(crate) fn extend(log: &MemoryLog, seed: u64, from: u64, to: u64) {
    use infra::event_log::EventLog;
    let mut random = StdRng::seed_from_u64(seed);
    for number in from..to {
        let stream = random.random_range(0..STREAMS);
        let at = Timestamp::from_timestamp_micros(1_700_000_000_000_000 + number as i64).unwrap();
        let partition = partition_of(key(stream).as_bytes(), log.partitions());
        log.push(partition, at, raw(record(stream, number)));
    }
}

/// A log with `records` records.
pub(crate) fn log(partitions: u32, seed: u64, records: u64) -> Arc<MemoryLog> {
    let log = MemoryLog::new(partitions);
    extend(&log, seed, 0, records);
    log
}
