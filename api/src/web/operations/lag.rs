//! How far the read models are behind the log.

use domain::Position;

/// The lag of each partition.
pub(super) struct Lag(Vec<PartitionLag>);

/// The lag of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartitionLag {
    pub(super) partition: u32,
    /// The end offset: the number of records in the partition. `None` while it has no leader.
    pub(super) end: Option<u64>,
    /// Records that are folded into the read models.
    pub(super) folded: u64,
}

impl PartitionLag {
    /// Records that are not folded yet, if the end is known.
    pub(super) fn behind(self) -> Option<u64> {
        Some(self.end?.saturating_sub(self.folded))
    }
}

impl Lag {
    /// `ends` are the end offsets by partition. Nothing is folded of a partition without a checkpoint.
    pub(super) fn of(ends: &[Option<u64>], checkpoints: &[Position]) -> Self {
        let row = |(partition, end): (u32, &Option<u64>)| {
            let checkpoint = checkpoints.iter().find(|at| at.partition == partition);
            PartitionLag { partition, end: *end, folded: checkpoint.map_or(0, |at| at.offset) }
        };
        Self((0..).zip(ends).map(row).collect())
    }

    pub(super) fn rows(&self) -> &[PartitionLag] {
        &self.0
    }

    /// The lag of all partitions whose end is known.
    pub(super) fn total(&self) -> u64 {
        self.0.iter().filter_map(|row| row.behind()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_after_the_checkpoint_are_lag() {
        let checkpoints =
            [Position { partition: 0, offset: 7 }, Position { partition: 2, offset: 5 }];
        let lag = Lag::of(&[Some(10), Some(3), Some(4), None], &checkpoints);
        let behind: Vec<Option<u64>> = lag.rows().iter().map(|row| row.behind()).collect();
        assert_eq!(behind[..3], [Some(3), Some(3), Some(0)], "a checkpoint past the end is no lag");
        assert_eq!(behind[3], None, "the end of a partition without a leader is unknown");
        assert_eq!(lag.total(), 6);
    }
}
