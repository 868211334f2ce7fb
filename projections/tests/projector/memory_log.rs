//! A log in memory.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::Position;
use infra::event_log::partition::partition_of;
use infra::event_log::{
    AppendError, EventLog, LogIdentity, LogReader, NewRecord, ReadError, Record,
};
use tokio::sync::watch;
use uuid::Uuid;

#[derive(Clone)]
pub(crate) struct MemoryLog {
    partitions: Arc<Mutex<Vec<Vec<Record>>>>,
    appended: watch::Sender<u64>,
    identity: Arc<Mutex<Uuid>>,
}

impl MemoryLog {
    pub(crate) fn new(partitions: u32) -> Arc<Self> {
        let partitions = Arc::new(Mutex::new(vec![Vec::new(); partitions as usize]));
        Arc::new(Self {
            partitions,
            appended: watch::Sender::new(0),
            identity: Arc::new(Mutex::new(Uuid::new_v4())),
        })
    }

    /// Appends any record to the partition of its key, valid or not.
    pub(crate) fn push(&self, mut record: Record) -> Position {
        let mut partitions = self.partitions.lock().unwrap();
        let key = record.key.clone().unwrap_or_default();
        let partition = partition_of(&key, partitions.len() as u32);
        let records = &mut partitions[partition as usize];
        record.position = Position { partition, offset: end(records) };
        let position = record.position;
        records.push(record);
        drop(partitions);
        self.appended.send_modify(|count| *count += 1);
        position
    }

    /// Removes a record. The others keep their offsets.
    pub(crate) fn lose(&self, at: Position) {
        let mut partitions = self.partitions.lock().unwrap();
        partitions[at.partition as usize].retain(|record| record.position != at);
    }

    /// Keeps the first `records` of each partition, as a log that was restored from an older backup.
    pub(crate) fn cut(&self, records: usize) {
        self.partitions.lock().unwrap().iter_mut().for_each(|all| all.truncate(records));
    }

    /// Makes the log again: empty, and with another identity.
    pub(crate) fn make_again(&self) {
        self.cut(0);
        *self.identity.lock().unwrap() = Uuid::new_v4();
    }

    pub(crate) fn records(&self) -> Vec<Vec<Record>> {
        self.partitions.lock().unwrap().clone()
    }
}

fn end(records: &[Record]) -> u64 {
    records.last().map_or(0, |record| record.position.offset + 1)
}

pub(crate) fn record(new: NewRecord, at: domain::Timestamp) -> Record {
    Record {
        position: Position { partition: 0, offset: 0 },
        at,
        key: Some(new.key.into_bytes().into()),
        headers: new.headers.into_iter().map(|(k, v)| (k, v.into_bytes().into())).collect(),
        value: Some(new.value),
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    fn partitions(&self) -> u32 {
        self.partitions.lock().unwrap().len() as u32
    }

    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Position, AppendError>> {
        let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        records.into_iter().map(|new| Ok(self.push(record(new, now)))).collect()
    }

    async fn read(&self, from: &[Position]) -> Result<Box<dyn LogReader>, ReadError> {
        let ends = self.end_offsets().await?;
        for &Position { partition, offset: requested } in from {
            let end = ends[partition as usize];
            if requested > end {
                return Err(ReadError::OffsetGone { partition, requested, first: 0, end });
            }
        }
        let reader = MemoryReader {
            log: self.clone(),
            next: from.to_vec(),
            appended: self.appended.subscribe(),
        };
        Ok(Box::new(reader))
    }

    async fn end_offsets(&self) -> Result<Vec<u64>, ReadError> {
        Ok(self.partitions.lock().unwrap().iter().map(|records| end(records)).collect())
    }

    async fn identity(&self) -> Result<LogIdentity, ReadError> {
        Ok(LogIdentity::new(format!("memory log {}", self.identity.lock().unwrap())))
    }
}

struct MemoryReader {
    log: MemoryLog,
    next: Vec<Position>,
    appended: watch::Receiver<u64>,
}

#[async_trait]
impl LogReader for MemoryReader {
    async fn next(&mut self, max: usize) -> Result<Vec<Record>, ReadError> {
        loop {
            self.appended.mark_unchanged();
            let mut batch = Vec::new();
            {
                let partitions = self.log.partitions.lock().unwrap();
                for at in &mut self.next {
                    let records = &partitions[at.partition as usize];
                    let first =
                        records.partition_point(|record| record.position.offset < at.offset);
                    let taken: Vec<_> =
                        records[first..].iter().take(max - batch.len()).cloned().collect();
                    at.offset = at.offset.max(end(&taken));
                    batch.extend(taken);
                }
            }
            if !batch.is_empty() {
                return Ok(batch);
            }
            let gone = |_| ReadError::unavailable("the log was dropped");
            self.appended.changed().await.map_err(gone)?;
        }
    }
}
