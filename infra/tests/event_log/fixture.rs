//! A log for each test, and records to append.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::Position;
use infra::event_log::kafka::{KafkaLog, KafkaSettings};
use infra::event_log::postgres::PostgresLog;
use infra::event_log::{EventLog, LogReader, NewRecord, Record};

pub(crate) const PARTITIONS: u32 = 4;
/// The limit of each wait; a working system is far faster.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) async fn postgres() -> Arc<dyn EventLog> {
    let pool = test_services::database().await;
    Arc::new(PostgresLog::open(pool, PARTITIONS).await.unwrap())
}

pub(crate) async fn kafka() -> Arc<dyn EventLog> {
    let topic = test_services::kafka();
    Arc::new(KafkaLog::open(settings(topic.brokers, topic.topic)).await.unwrap())
}

pub(crate) fn settings(brokers: String, topic: String) -> KafkaSettings {
    KafkaSettings::plaintext(brokers, topic, PARTITIONS)
}

pub(crate) fn record(key: &str, number: usize) -> NewRecord {
    NewRecord {
        key: key.to_owned(),
        headers: vec![
            ("ce_id".to_owned(), number.to_string()),
            ("ce_note".to_owned(), "ñandú \u{0}\" 漢字".to_owned()),
        ],
        value: Bytes::from(format!("{{\"number\":{number}}}")),
    }
}

/// Keys of enough streams to cover every partition.
pub(crate) fn keys() -> Vec<String> {
    (0..64).map(|n| format!("video-{n}")).collect()
}

/// The number in a record made by [`record`].
pub(crate) fn number(record: &Record) -> usize {
    std::str::from_utf8(&record.headers[0].1).unwrap().parse().unwrap()
}

pub(crate) async fn append(log: &dyn EventLog, records: Vec<NewRecord>) -> Vec<Position> {
    log.append(records).await.into_iter().map(Result::unwrap).collect()
}

pub(crate) fn beginning() -> Vec<Position> {
    (0..PARTITIONS).map(|partition| Position { partition, offset: 0 }).collect()
}

/// Reads `count` records with as many calls as needed.
pub(crate) async fn read(reader: &mut dyn LogReader, count: usize) -> Vec<Record> {
    let mut records = Vec::new();
    let reading = async {
        while records.len() < count {
            records.extend(reader.next(1_000).await.unwrap());
        }
    };
    tokio::time::timeout(TIMEOUT, reading).await.unwrap();
    records
}

/// Asserts that the offsets of each partition are consecutive from `first` on.
pub(crate) fn assert_dense(records: &[Record], first: impl Fn(u32) -> u64) {
    let mut next: BTreeMap<u32, u64> = BTreeMap::new();
    for Position { partition, offset } in records.iter().map(|record| record.position) {
        let expected = next.entry(partition).or_insert_with(|| first(partition));
        assert_eq!(offset, *expected, "partition {partition}");
        *expected += 1;
    }
}

/// Waits until a condition holds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < TIMEOUT, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
