//! A log in memory that can be told to fail.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::{Position, Timestamp};
use infra::event_log::partition::partition_of;
use infra::event_log::{
    AppendError, EventLog, LogIdentity, LogReader, NewRecord, ReadError, Record,
};

pub(crate) struct MemoryLog {
    partitions: Mutex<Vec<Vec<Record>>>,
    /// Records that are appended before every append fails.
    room: Mutex<u64>,
}

impl MemoryLog {
    pub(crate) fn new(partitions: u32) -> Arc<Self> {
        let partitions = Mutex::new(vec![Vec::new(); partitions as usize]);
        Arc::new(Self { partitions, room: Mutex::new(u64::MAX) })
    }

    /// Fails after so many more records, as if the process had been killed.
    pub(crate) fn fail_after(&self, records: u64) {
        *self.room.lock().unwrap() = records;
    }

    /// Appends a record as it is to a partition, at a time.
    pub(crate) fn push(&self, partition: u32, at: Timestamp, mut record: Record) -> Position {
        let mut partitions = self.partitions.lock().unwrap();
        let records = &mut partitions[partition as usize];
        record.position = Position { partition, offset: records.len() as u64 };
        record.at = at;
        records.push(record);
        records[records.len() - 1].position
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.partitions.lock().unwrap().concat()
    }

    /// The records of a stream, in order.
    pub(crate) fn stream(&self, key: &str) -> Vec<Record> {
        let mut records = self.records();
        records.retain(|record| record.key.as_deref() == Some(key.as_bytes()));
        records
    }
}

/// A record without a position.
pub(crate) fn raw(new: NewRecord) -> Record {
    Record {
        position: Position { partition: 0, offset: 0 },
        at: Timestamp::UNIX_EPOCH,
        key: Some(new.key.into()),
        headers: new.headers.into_iter().map(|(name, value)| (name, value.into())).collect(),
        value: Some(new.value),
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    fn partitions(&self) -> u32 {
        self.partitions.lock().unwrap().len() as u32
    }

    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Position, AppendError>> {
        let append = |record: NewRecord| {
            {
                let mut room = self.room.lock().unwrap();
                *room = room.checked_sub(1).ok_or_else(|| AppendError::unknown("killed"))?;
            }
            let partition = partition_of(record.key.as_bytes(), self.partitions());
            // The time of a copy is later than that of the original, and less exact.
            Ok(self.push(
                partition,
                Timestamp::from_timestamp(2_000_000_000, 0).unwrap(),
                raw(record),
            ))
        };
        records.into_iter().map(append).collect()
    }

    async fn read(&self, from: &[Position]) -> Result<Box<dyn LogReader>, ReadError> {
        let partitions = self.partitions.lock().unwrap();
        let from = from.iter().map(|at| &partitions[at.partition as usize][at.offset as usize..]);
        let mut records: Vec<Record> = from.flatten().cloned().collect();
        records.reverse();
        Ok(Box::new(MemoryReader(records)))
    }

    async fn end_offsets(&self) -> Result<Vec<u64>, ReadError> {
        let partitions = self.partitions.lock().unwrap();
        Ok(partitions.iter().map(|records| records.len() as u64).collect())
    }

    async fn identity(&self) -> Result<LogIdentity, ReadError> {
        Ok(LogIdentity::new("memory log"))
    }
}

/// The unread records, the next one last.
struct MemoryReader(Vec<Record>);

#[async_trait]
impl LogReader for MemoryReader {
    async fn next(&mut self, max: usize) -> Result<Vec<Record>, ReadError> {
        // Few at a time, so that passes have seams.
        let count = self.0.len().min(max).min(7);
        let rest = self.0.len() - count;
        let mut records = self.0.split_off(rest);
        records.reverse();
        Ok(records)
    }
}
