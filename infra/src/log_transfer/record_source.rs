//! What a transfer reads from.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::error::TransferError;
use crate::event_log::Record;

/// The first offset to read, for each partition to read.
pub type Offsets = BTreeMap<u32, u64>;

/// Records that can be read several times.
#[async_trait]
pub trait RecordSource: Send + Sync {
    /// The number of partitions.
    fn partitions(&self) -> u32;

    /// How many records it holds, if that is known.
    fn records(&self) -> Option<u64>;

    /// Starts a pass over the records of these partitions.
    async fn pass(&self, from: &Offsets) -> Result<Box<dyn RecordPass>, TransferError>;

    /// The beginning of every partition.
    fn beginning(&self) -> Offsets {
        (0..self.partitions()).map(|partition| (partition, 0)).collect()
    }
}

/// A pass over the records of a source.
#[async_trait]
pub trait RecordPass: Send {
    /// The next records, each partition in order. Empty at the end.
    async fn next(&mut self) -> Result<Vec<Record>, TransferError>;
}
