//! Export files: lossless, and refused when damaged.

use std::path::Path;
use std::sync::Arc;

use domain::Timestamp;
use infra::event_log::Record;
use infra::log_transfer::{
    ExportFile, LogSource, RecordSource, TransferError, TransferOptions, Transferred, export,
    transfer,
};
use tempfile::TempDir;

use crate::history::{extend, log, record};
use crate::memory_log::{MemoryLog, raw};

async fn exported(log: &MemoryLog) -> Vec<u8> {
    let mut file = Vec::new();
    export(&LogSource::up_to_now(log).await.unwrap(), &mut file, &|_| ()).await.unwrap();
    file
}

struct File {
    folder: TempDir,
}

impl File {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    async fn import(&self, bytes: &[u8], into: &MemoryLog) -> Result<Transferred, TransferError> {
        let path = self.folder.path().join("log.jsonl");
        std::fs::write(&path, bytes).unwrap();
        let file = ExportFile::open(&path).await?;
        transfer(&file, into, TransferOptions::default(), &|_| ()).await
    }
}

async fn read_all(path: &Path) -> Vec<Record> {
    let file = ExportFile::open(path).await.unwrap();
    let mut pass = file.pass(&file.beginning()).await.unwrap();
    let mut records = Vec::new();
    loop {
        let read = pass.next().await.unwrap();
        if read.is_empty() {
            return records;
        }
        records.extend(read);
    }
}

/// A log with records of any bytes.
fn strange_log() -> Arc<MemoryLog> {
    let log = log(3, 1, 40);
    let at = Timestamp::from_timestamp_micros(1_700_000_000_123_456).unwrap();
    let valid = || raw(record(1, 99));
    log.push(0, at, Record { key: None, headers: vec![], value: None, ..valid() });
    log.push(
        1,
        at,
        Record { key: Some(vec![0, 0xff].into()), value: Some(vec![0xc3].into()), ..valid() },
    );
    log.push(
        2,
        at,
        Record { headers: vec![("\u{0}".to_owned(), vec![0xff, 0].into())], ..valid() },
    );
    log.push(2, at, Record { value: Some("{\"base64\": \"AA==\"}".into()), ..valid() });
    log
}

#[tokio::test]
async fn an_export_keeps_every_byte() {
    let log = strange_log();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.jsonl");
    std::fs::write(&path, exported(&log).await).unwrap();
    assert_eq!(read_all(&path).await, log.records());
}

#[tokio::test]
async fn an_export_is_imported_with_its_times_and_continues() {
    let (source, file) = (log(3, 2, 120), File::new());
    let first = exported(&source).await;
    extend(&source, 9, 120, 150);
    let second = exported(&source).await;
    let target = MemoryLog::new(8);
    target.fail_after(50);
    let error = file.import(&first, &target).await.unwrap_err();
    assert!(matches!(error, TransferError::Append(_)), "{error}");
    target.fail_after(u64::MAX);
    assert_eq!(file.import(&first, &target).await.unwrap().appended, 70);
    assert_eq!(file.import(&second, &target).await.unwrap().appended, 30);
    assert_eq!(file.import(&second, &target).await.unwrap().appended, 0);
    // An export of the copy, imported where the original is, adds nothing.
    assert_eq!(file.import(&exported(&target).await, &source).await.unwrap().appended, 0);
    let error = file.import(&first, &target).await.unwrap_err();
    assert!(matches!(error, TransferError::TargetAhead { .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_export_is_refused_before_the_first_append() {
    let (source, file) = (log(2, 3, 20), File::new());
    let whole = exported(&source).await;
    let text = String::from_utf8(whole.clone()).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let target = MemoryLog::new(2);
    let refused = async |bytes: &[u8], wanted: &str| {
        let error = file.import(bytes, &target).await.unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
        assert_eq!(target.records(), [], "{wanted}");
    };
    for kept in 1..lines.len() {
        refused(lines[..kept].concat().as_bytes(), "its last line is missing").await;
    }
    for end in (lines[0].len() + 1..whole.len()).step_by(97) {
        if whole[end - 1] != b'\n' {
            refused(&whole[..end], "truncated in the middle of this line").await;
        }
    }
    refused(b"", "this is no export").await;
    refused(b"{}\n", "this is no export").await;
    let newer = text.replacen("\"version\":1", "\"version\":2", 1);
    refused(newer.as_bytes(), "the export has version 2, this anb reads version 1").await;
    let lost = [&lines[..5], &lines[6..]].concat().concat();
    refused(lost.as_bytes(), "the export has 19 records, its last line says 20").await;
    let changed = text.replacen("\\\"number\\\": 7", "\\\"number\\\": 8", 1);
    assert_ne!(changed, text);
    refused(changed.as_bytes(), "its hash is not that of its last line").await;
    let longer = text.clone() + lines[1];
    refused(longer.as_bytes(), "goes on after its last line").await;
    assert_eq!(file.import(&whole, &target).await.unwrap().appended, 20);
}
