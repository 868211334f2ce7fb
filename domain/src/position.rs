//! Where a record stands in the log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The position of a record: its partition and its offset within that partition. Offsets order the
/// records of one partition; between partitions there is no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The partition, counted from 0.
    pub partition: u32,
    /// The offset within the partition, counted from 0.
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.offset)
    }
}
