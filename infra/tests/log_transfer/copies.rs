//! Copies from log to log.

use std::sync::Mutex;

use infra::event_log::envelope::LOG_TIME;
use infra::event_log::partition::partition_of;
use infra::event_log::{EventLog, Record};
use infra::log_transfer::{
    LogSource, Progress, Transfer, TransferError, TransferOptions, Transferred, transfer,
};

use crate::history::{STREAMS, extend, key, log, record};
use crate::memory_log::{MemoryLog, raw};

const STRICT: TransferOptions = TransferOptions { skip_unreadable: false };
const SKIP: TransferOptions = TransferOptions { skip_unreadable: true };

async fn copy(from: &MemoryLog, to: &MemoryLog) -> Result<Transferred, TransferError> {
    copy_with(from, to, STRICT).await
}

async fn copy_with(
    from: &MemoryLog,
    to: &MemoryLog,
    options: TransferOptions,
) -> Result<Transferred, TransferError> {
    let source = LogSource::up_to_now(from).await?;
    transfer(&source, to, options, &|_| ()).await
}

/// Each stream has the same records in the same order, with the same original times.
fn assert_equal(one: &MemoryLog, other: &MemoryLog) {
    let seen = |log: &MemoryLog, stream| {
        let seen = |record: Record| {
            let time = record.time();
            let headers = record.headers.into_iter().filter(|(name, _)| name != LOG_TIME);
            (time, headers.collect::<Vec<_>>(), record.value)
        };
        log.stream(&key(stream)).into_iter().map(seen).collect::<Vec<_>>()
    };
    for stream in 0..STREAMS {
        assert_eq!(seen(one, stream), seen(other, stream), "stream {stream}");
    }
    assert_eq!(one.records().len(), other.records().len());
}

#[tokio::test]
async fn a_copy_has_the_same_streams_for_any_number_of_partitions() {
    for (seed, (from, to)) in [(1, 1), (3, 8), (8, 3), (1, 5), (8, 8)].into_iter().enumerate() {
        let (source, target) = (log(from, seed as u64, 200), MemoryLog::new(to));
        let copied = copy(&source, &target).await.unwrap();
        assert_eq!((copied.appended, copied.holds.records), (200, 200));
        assert_equal(&source, &target);
        for record in target.records() {
            let partition = partition_of(record.key.as_deref().unwrap(), to);
            assert_eq!(record.position.partition, partition);
        }
        let again = copy(&source, &target).await.unwrap();
        assert_eq!((again.appended, again.holds), (0, copied.holds));
        if from == to {
            let positions = |log: &MemoryLog| {
                let position = |record: Record| (record.position, record.value);
                log.records().into_iter().map(position).collect::<Vec<_>>()
            };
            assert_eq!(positions(&source), positions(&target), "positions are kept");
        }
    }
}

#[tokio::test]
async fn a_killed_copy_continues_and_appends_no_record_twice() {
    for seed in 0..30 {
        let (source, target) = (log(3, seed, 150), MemoryLog::new(8));
        let mut failed = 0;
        loop {
            target.fail_after(seed % 40 + 3);
            match copy(&source, &target).await {
                Ok(_) => break,
                Err(error) => assert!(matches!(error, TransferError::Append(_)), "{error}"),
            }
            failed += 1;
            // Votes come in between the runs.
            extend(&source, seed + failed, 1_000 * failed, 1_000 * failed + 2);
            assert!(failed < 200, "the copy does not proceed");
        }
        assert_equal(&source, &target);
    }
}

#[tokio::test]
async fn a_log_moves_back_with_what_was_added_meanwhile() {
    let (home, away) = (log(2, 7, 100), MemoryLog::new(5));
    copy(&home, &away).await.unwrap();
    extend(&away, 8, 100, 130);
    let back = copy(&away, &home).await.unwrap();
    assert_eq!((back.appended, back.holds.records), (30, 130));
    assert_equal(&away, &home);
    assert_eq!(copy(&home, &away).await.unwrap().appended, 0);
}

#[tokio::test]
async fn a_copy_of_a_copy_keeps_the_first_time() {
    let (first, second, third) = (log(1, 3, 50), MemoryLog::new(1), MemoryLog::new(1));
    copy(&first, &second).await.unwrap();
    copy(&second, &third).await.unwrap();
    assert_equal(&first, &third);
    for record in third.records() {
        let times = record.headers.iter().filter(|(name, _)| name == LOG_TIME);
        assert_eq!(times.count(), 1);
    }
}

#[tokio::test]
async fn a_target_that_holds_anything_else_is_refused_unchanged() {
    let source = log(2, 4, 100);
    let changed_record = MemoryLog::new(2);
    for mut record in source.records().into_iter().take(20) {
        if record.position.offset == 10 {
            record.value = Some("something else".into());
        }
        changed_record.push(record.position.partition, record.at, record);
    }
    let changed_time = MemoryLog::new(2);
    for record in source.records().into_iter().take(20) {
        let at =
            record.at + std::time::Duration::from_micros(u64::from(record.position.offset == 10));
        changed_time.push(record.position.partition, at, record);
    }
    let other_stream = MemoryLog::new(2);
    other_stream.append(vec![record(STREAMS, 0)]).await;
    let ahead = log(2, 4, 101);
    for (target, wanted) in [
        (changed_record, "does not begin like that of the source"),
        (changed_time, "does not begin like that of the source"),
        (other_stream, "1 more records of stream `video-9` than the source"),
        (ahead, "1 more records of stream"),
    ] {
        let before = target.records();
        let error = copy(&source, &target).await.unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
        assert_eq!(target.records(), before, "{wanted}");
    }
}

#[tokio::test]
async fn records_that_no_log_takes_are_refused_or_left_out() {
    let source = log(3, 5, 50);
    let valid = || raw(record(1, 99));
    let at = source.records()[0].at;
    let wrong = (partition_of(key(1).as_bytes(), 3) + 1) % 3;
    let right = partition_of(key(1).as_bytes(), 3);
    source.push(0, at, Record { key: None, ..valid() });
    source.push(1, at, Record { key: Some(vec![0xff].into()), ..valid() });
    source.push(right, at, Record { value: None, ..valid() });
    source.push(
        right,
        at,
        Record { headers: vec![("x".to_owned(), vec![0xff].into())], ..valid() },
    );
    source.push(wrong, at, valid());
    // No version reads this one, but any log takes it.
    source.push(right, at, Record { headers: vec![], value: Some("{".into()), ..valid() });

    let target = MemoryLog::new(8);
    let error = copy(&source, &target).await.unwrap_err().to_string();
    assert!(error.starts_with("5 records (") && error.contains("it has no key"), "{error}");
    assert_eq!(target.records(), []);

    let copied = copy_with(&source, &target, SKIP).await.unwrap();
    assert_eq!((copied.appended, copied.left_out.records, copied.holds.records), (51, 5, 51));
    assert_eq!(copy_with(&source, &target, SKIP).await.unwrap().appended, 0);
    // Back to where these records are.
    assert_eq!(copy_with(&target, &source, SKIP).await.unwrap().appended, 0);
    let error = copy(&target, &source).await.unwrap_err().to_string();
    assert!(error.contains("unreadable records that no transfer appends"), "{error}");
}

#[tokio::test]
async fn a_target_that_grows_is_refused_before_the_first_append() {
    let (source, target) = (log(2, 6, 100), MemoryLog::new(2));
    let late = source.records().remove(0);
    let of_source = LogSource::up_to_now(source.as_ref()).await.unwrap();
    let arrive = |progress| {
        if progress == Progress::Compared(100) {
            target.push(late.position.partition, late.at, late.clone());
        }
    };
    let error = transfer(&of_source, target.as_ref(), STRICT, &arrive).await.unwrap_err();
    assert!(matches!(error, TransferError::TargetBusy), "{error}");
    assert_eq!(copy(&source, &target).await.unwrap().appended, 99);
}

#[tokio::test]
async fn a_copy_that_follows_reads_only_what_is_new() {
    let (source, target) = (log(3, 1, 60), MemoryLog::new(8));
    let mut transfer = Transfer::new(target.as_ref(), STRICT);
    let mut compared = Vec::new();
    for pass in 0..5 {
        extend(&source, 20 + pass, 100 * (pass + 1), 100 * (pass + 1) + 10 * pass);
        let now = LogSource::up_to_now(source.as_ref()).await.unwrap();
        let read = Mutex::new(0);
        let note = |progress| {
            if let Progress::Compared(records) = progress {
                *read.lock().unwrap() = records;
            }
        };
        transfer.pass(&now, &note).await.unwrap();
        compared.push(read.into_inner().unwrap());
        assert_equal(&source, &target);
    }
    assert_eq!(compared, [60, 10, 20, 30, 40]);
    assert_eq!(transfer.end().appended, 160);
    // Somebody else appends to the target.
    let mut transfer = Transfer::new(target.as_ref(), STRICT);
    let now = LogSource::up_to_now(source.as_ref()).await.unwrap();
    transfer.pass(&now, &|_| ()).await.unwrap();
    target.append(vec![record(1, 999)]).await;
    let error = transfer.pass(&now, &|_| ()).await.unwrap_err();
    assert!(matches!(error, TransferError::TargetAhead { .. }), "{error}");
}
