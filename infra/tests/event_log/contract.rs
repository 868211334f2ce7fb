//! Tests that every adapter passes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::Position;
use futures_util::future::join_all;
use infra::event_log::partition::partition_of;
use infra::event_log::{AppendError, EventLog, MAX_RECORD_BYTES, NewRecord, ReadError};

use crate::fixture::{PARTITIONS, append, assert_dense, beginning, keys, number, read, record};

type Log = Arc<dyn EventLog>;

pub(crate) async fn a_reader_gets_what_was_appended(log: Log) {
    let new = record("video-1", 7);
    let before = chrono::Utc::now() - Duration::from_secs(1);

    let position = append(log.as_ref(), vec![new.clone()]).await[0];

    let read = read(log.read(&beginning()).await.unwrap().as_mut(), 1).await.remove(0);
    assert_eq!(read.position, position);
    assert_eq!(position.partition, partition_of(b"video-1", PARTITIONS));
    assert_eq!(read.key.as_deref(), Some(new.key.as_bytes()));
    assert_eq!(read.value, Some(new.value));
    let headers: Vec<(String, Bytes)> =
        new.headers.into_iter().map(|(name, value)| (name, value.into())).collect();
    assert_eq!(read.headers, headers);
    assert!(before < read.at && read.at < chrono::Utc::now() + Duration::from_secs(1));
}

pub(crate) async fn a_log_keeps_its_identity(log: Log) {
    let identity = log.identity().await.unwrap();
    append(log.as_ref(), vec![record("video-1", 7)]).await;
    assert_eq!(log.identity().await.unwrap(), identity);
}

pub(crate) async fn positions_grow_by_one_within_a_partition(log: Log) {
    let mut next: BTreeMap<u32, u64> = BTreeMap::new();
    for (n, key) in keys().iter().enumerate() {
        let position = append(log.as_ref(), vec![record(key, n)]).await[0];
        assert_eq!(position.partition, partition_of(key.as_bytes(), PARTITIONS));
        let expected = next.entry(position.partition).or_default();
        assert_eq!(position.offset, *expected);
        *expected += 1;
    }
    assert_eq!(next.len(), PARTITIONS as usize, "every partition was reached");
}

pub(crate) async fn records_of_one_stream_keep_their_order(log: Log) {
    let records: Vec<NewRecord> = (0..500).map(|n| record(&keys()[n % 3], n)).collect();
    let positions = append(log.as_ref(), records).await;

    let read = read(log.read(&beginning()).await.unwrap().as_mut(), 500).await;

    for key in &keys()[..3] {
        let of_key = read.iter().filter(|record| record.key.as_deref() == Some(key.as_bytes()));
        let numbers: Vec<usize> = of_key.map(number).collect();
        assert!(numbers.is_sorted() && numbers.len() > 150, "{numbers:?}");
    }
    for record in &read {
        assert_eq!(positions[number(record)], record.position);
    }
}

pub(crate) async fn concurrent_appends_get_distinct_positions(log: Log) {
    const APPENDERS: usize = 64;
    const EACH: usize = 25;
    let appender = async |key: String, appender: usize| {
        let mut positions = Vec::new();
        for n in 0..EACH {
            positions.extend(append(log.as_ref(), vec![record(&key, appender * EACH + n)]).await);
        }
        positions
    };
    let appending = keys().into_iter().enumerate().map(|(n, key)| appender(key, n));

    let positions = join_all(appending).await;

    assert_eq!(positions.len(), APPENDERS);
    let places: BTreeSet<Position> = positions.iter().flatten().copied().collect();
    assert_eq!(places.len(), APPENDERS * EACH);
    let read = read(log.read(&beginning()).await.unwrap().as_mut(), APPENDERS * EACH).await;
    assert_dense(&read, |_| 0);
    for record in &read {
        let number = number(record);
        assert_eq!(positions[number / EACH][number % EACH], record.position);
    }
}

pub(crate) async fn a_reader_starts_at_any_offset(log: Log) {
    append(log.as_ref(), (0..256).map(|n| record(&keys()[n % 64], n)).collect()).await;
    let ends = log.end_offsets().await.unwrap();
    for back in [1, 5, 20] {
        let from: Vec<Position> =
            beginning().into_iter().map(|at| start(&ends, at.partition, back)).collect();

        let count = back as usize * PARTITIONS as usize;
        let read = read(log.read(&from).await.unwrap().as_mut(), count).await;

        assert_eq!(read.len(), count);
        assert_dense(&read, |partition| ends[partition as usize] - back);
    }
    let one = [start(&ends, 2, 3)];
    let read = read(log.read(&one).await.unwrap().as_mut(), 3).await;
    assert!(read.iter().all(|record| record.position.partition == 2), "only what was asked for");
}

fn start(ends: &[u64], partition: u32, back: u64) -> Position {
    Position { partition, offset: ends[partition as usize] - back }
}

pub(crate) async fn a_read_returns_at_most_max_records(log: Log) {
    append(log.as_ref(), (0..100).map(|n| record(&keys()[n % 64], n)).collect()).await;
    let mut reader = log.read(&beginning()).await.unwrap();
    let mut read = Vec::new();
    while read.len() < 100 {
        let some = reader.next(7).await.unwrap();
        assert!((1..=7).contains(&some.len()), "{}", some.len());
        read.extend(some);
    }
    assert_dense(&read, |_| 0);
}

pub(crate) async fn a_waiting_reader_wakes_up_at_once(log: Log) {
    let mut reader = log.read(&beginning()).await.unwrap();
    let mut delays = Vec::new();
    for n in 0..20 {
        let reading = tokio::spawn(async move {
            let records = reader.next(10).await.unwrap();
            (reader, records, Instant::now())
        });
        // By then the reader waits. The measured time starts afterwards.
        tokio::time::sleep(Duration::from_millis(30)).await;
        append(log.as_ref(), vec![record(&keys()[n], n)]).await;
        let appended = Instant::now();
        let (back, records, at) = reading.await.unwrap();
        assert_eq!(number(&records[0]), n);
        delays.push(at.saturating_duration_since(appended));
        reader = back;
    }
    delays.sort();
    // The median, because other tests may keep the machine busy for a moment.
    assert!(delays[10] < Duration::from_millis(50), "{delays:?}");
}

pub(crate) async fn a_dropped_read_loses_no_record(log: Log) {
    const RECORDS: usize = 2_000;
    let appending = tokio::spawn({
        let log = Arc::clone(&log);
        async move {
            for n in 0..RECORDS / 20 {
                let some = (0..20).map(|i| record(&keys()[i], n * 20 + i)).collect();
                append(log.as_ref(), some).await;
            }
        }
    });
    let mut reader = log.read(&beginning()).await.unwrap();
    let mut read = Vec::new();
    let mut patience = 0;
    let started = Instant::now();
    while read.len() < RECORDS {
        assert!(started.elapsed() < crate::fixture::TIMEOUT, "{} read", read.len());
        // Most of these timeouts are too short for a record to arrive.
        patience = (patience + 1) % 40;
        let next = tokio::time::timeout(Duration::from_micros(patience * 100), reader.next(50));
        if let Ok(records) = next.await {
            read.extend(records.unwrap());
        }
    }
    appending.await.unwrap();
    assert_eq!(read.len(), RECORDS);
    assert_dense(&read, |_| 0);
}

pub(crate) async fn a_record_that_is_too_large_is_rejected(log: Log) {
    let mut large = record("video-1", 1);
    large.value = Bytes::from(vec![b' '; MAX_RECORD_BYTES]);
    let mut largest = record("video-1", 2);
    largest.value = Bytes::from(vec![b' '; MAX_RECORD_BYTES - 200]);

    let answers = log.append(vec![record("video-1", 0), large, largest]).await;

    assert!(matches!(answers[1], Err(AppendError::TooLarge { max: MAX_RECORD_BYTES, .. })));
    let read = read(log.read(&beginning()).await.unwrap().as_mut(), 2).await;
    assert_eq!(read.iter().map(number).collect::<Vec<_>>(), [0, 2], "the others are there");
    assert_eq!(log.end_offsets().await.unwrap().iter().sum::<u64>(), 2);
}

pub(crate) async fn an_offset_after_the_end_is_reported(log: Log) {
    let at = append(log.as_ref(), vec![record("video-1", 1)]).await[0];
    let end = Position { offset: at.offset + 1, ..at };
    assert!(log.read(&[end]).await.is_ok(), "the end is where the next one comes");
    let after = Position { offset: at.offset + 2, ..at };
    let gone = ReadError::OffsetGone {
        partition: at.partition,
        requested: after.offset,
        first: 0,
        end: end.offset,
    };
    assert_eq!(log.read(&[after]).await.err().unwrap().to_string(), gone.to_string());
}

pub(crate) async fn end_offsets_count_the_records(log: Log) {
    assert_eq!(log.partitions(), PARTITIONS);
    assert_eq!(log.end_offsets().await.unwrap(), [0; PARTITIONS as usize]);
    append(log.as_ref(), (0..100).map(|n| record(&keys()[n % 64], n)).collect()).await;
    let mut expected = [0; PARTITIONS as usize];
    for n in 0..100 {
        expected[partition_of(keys()[n % 64].as_bytes(), PARTITIONS) as usize] += 1;
    }
    assert_eq!(log.end_offsets().await.unwrap(), expected);
}
