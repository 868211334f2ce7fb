//! A log that is read but takes no record, while it moves to another place.

use std::sync::Arc;

use async_trait::async_trait;
use domain::Position;

use super::{AppendError, EventLog, LogIdentity, LogReader, NewRecord, ReadError};

/// A log whose every append is rejected. Commands answer 503, and reads go on.
pub struct ReadOnlyLog(pub Arc<dyn EventLog>);

#[async_trait]
impl EventLog for ReadOnlyLog {
    fn partitions(&self) -> u32 {
        self.0.partitions()
    }

    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Position, AppendError>> {
        let reject = |_| Err(AppendError::unavailable("the log is read-only (READ_ONLY)"));
        records.into_iter().map(reject).collect()
    }

    async fn read(&self, from: &[Position]) -> Result<Box<dyn LogReader>, ReadError> {
        self.0.read(from).await
    }

    async fn end_offsets(&self) -> Result<Vec<u64>, ReadError> {
        self.0.end_offsets().await
    }

    async fn known_end_offsets(&self) -> Result<Vec<Option<u64>>, ReadError> {
        self.0.known_end_offsets().await
    }

    async fn identity(&self) -> Result<LogIdentity, ReadError> {
        self.0.identity().await
    }
}
