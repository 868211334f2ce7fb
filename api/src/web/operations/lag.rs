//! How far the read models are behind the log.

use domain::Position;

/// Each partition, with its end and how far it is folded.
pub(super) struct Lag(Vec<Row>);

/// A partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) partition: u32,
    /// Records in it.
    pub(super) end: u64,
    /// Records that are folded.
    pub(super) folded: u64,
}

impl Row {
    /// Records that are not folded.
    pub(super) fn behind(self) -> u64 {
        self.end.saturating_sub(self.folded)
    }
}

impl Lag {
    /// A partition that nobody has owned yet has no checkpoint: nothing of it is folded.
    pub(super) fn of(ends: &[u64], checkpoints: &[Position]) -> Self {
        let row = |(partition, end): (u32, &u64)| {
            let checkpoint = checkpoints.iter().find(|at| at.partition == partition);
            Row { partition, end: *end, folded: checkpoint.map_or(0, |at| at.offset) }
        };
        Self((0..).zip(ends).map(row).collect())
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.0
    }

    pub(super) fn total(&self) -> u64 {
        self.0.iter().map(|row| row.behind()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_folded_is_behind() {
        let checkpoints =
            [Position { partition: 0, offset: 7 }, Position { partition: 2, offset: 5 }];
        let lag = Lag::of(&[10, 3, 4], &checkpoints);
        let behind: Vec<u64> = lag.rows().iter().map(|row| row.behind()).collect();
        assert_eq!(behind, [3, 3, 0], "one that was folded meanwhile is not behind");
        assert_eq!(lag.total(), 6);
    }
}
