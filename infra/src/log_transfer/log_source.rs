//! A log as a source: its records up to the end that it had at a moment.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::Position;

use super::error::TransferError;
use super::record_source::{Offsets, RecordPass, RecordSource};
use crate::event_log::{EventLog, LogReader, ReadError, Record};

/// Records per read.
const BATCH: usize = 1_000;
/// A log that has more records gives one within this time. An outage may last as long.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The time between two tries during an outage. A new topic is unavailable for a moment, too.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// A log, up to the end that it had when this was made.
pub struct LogSource<'a> {
    log: &'a dyn EventLog,
    ends: Vec<u64>,
}

impl<'a> LogSource<'a> {
    /// The log up to its current end.
    ///
    /// # Errors
    /// [`ReadError`]
    pub async fn up_to_now(log: &'a dyn EventLog) -> Result<Self, ReadError> {
        let outage = Outage::default();
        loop {
            match log.end_offsets().await {
                Ok(ends) => return Ok(Self { log, ends }),
                Err(error) => outage.wait(error).await?,
            }
        }
    }

    /// The end of each partition.
    pub(super) fn ends(&self) -> Offsets {
        (0..).zip(self.ends.iter().copied()).collect()
    }

    /// A reader of the records from these offsets on.
    ///
    /// # Errors
    /// [`ReadError`]
    pub async fn read(&self, from: &Offsets) -> Result<LogPass, ReadError> {
        let mut unread = self.ends();
        unread.retain(|partition, end| from.get(partition).is_some_and(|first| first < end));
        let start = |partition: &u32| {
            let offset = from.get(partition).copied().unwrap_or(0);
            Position { partition: *partition, offset }
        };
        let start: Vec<Position> = unread.keys().map(start).collect();
        if start.is_empty() {
            return Ok(LogPass { reader: None, unread });
        }
        let outage = Outage::default();
        loop {
            match self.log.read(&start).await {
                Ok(reader) => return Ok(LogPass { reader: Some(reader), unread }),
                Err(error) => outage.wait(error).await?,
            }
        }
    }
}

#[async_trait]
impl RecordSource for LogSource<'_> {
    fn partitions(&self) -> u32 {
        self.log.partitions()
    }

    fn records(&self) -> Option<u64> {
        Some(self.ends.iter().sum())
    }

    async fn pass(&self, from: &Offsets) -> Result<Box<dyn RecordPass>, TransferError> {
        Ok(Box::new(self.read(from).await?))
    }
}

/// A reader that ends where its [`LogSource`] ends.
pub struct LogPass {
    reader: Option<Box<dyn LogReader>>,
    /// The end of each partition that has unread records.
    unread: Offsets,
}

#[async_trait]
impl RecordPass for LogPass {
    async fn next(&mut self) -> Result<Vec<Record>, TransferError> {
        let Some(reader) = &mut self.reader else { return Ok(Vec::new()) };
        let outage = Outage::default();
        while !self.unread.is_empty() {
            let read = tokio::time::timeout(READ_TIMEOUT, reader.next(BATCH)).await;
            let mut records = match read.map_err(|_| TransferError::Silent(READ_TIMEOUT))? {
                Ok(records) => records,
                Err(error) => {
                    outage.wait(error).await?;
                    continue;
                }
            };
            records.retain(|record| is_before_end(&mut self.unread, record.position));
            if !records.is_empty() {
                return Ok(records);
            }
        }
        Ok(Vec::new())
    }
}

/// Whether the position is before the end of its partition. The last one ends its partition.
fn is_before_end(unread: &mut Offsets, Position { partition, offset }: Position) -> bool {
    let Some(&end) = unread.get(&partition) else { return false };
    if offset + 1 >= end {
        unread.remove(&partition);
    }
    offset < end
}

/// An outage of the log, if there is one. It begins with this value.
struct Outage(Instant);

impl Default for Outage {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Outage {
    /// Waits until the next try. Returns the error if it is permanent, or the outage is too long.
    async fn wait(&self, error: ReadError) -> Result<(), ReadError> {
        match error {
            ReadError::Unavailable(_) if self.0.elapsed() < READ_TIMEOUT => {
                tokio::time::sleep(RETRY_INTERVAL).await;
                Ok(())
            }
            error => Err(error),
        }
    }
}
