//! The checkpoints of owned partitions, as the projector moves them.

use std::collections::BTreeMap;

use domain::Position;
use infra::event_log::Record;

use super::error::ProjectionError;
use crate::store::Advance;

/// The first offset of each owned partition that is not folded yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Checkpoints(BTreeMap<u32, u64>);

impl Checkpoints {
    pub(super) fn new(owned: &[Position]) -> Self {
        Self(owned.iter().map(|at| (at.partition, at.offset)).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Records between the checkpoints and `ends`, the end offsets by partition.
    pub(super) fn lag(&self, ends: &[u64]) -> u64 {
        let end = |partition: &u32| ends.get(*partition as usize).copied().unwrap_or(0);
        self.0.iter().map(|(partition, next)| end(partition).saturating_sub(*next)).sum()
    }

    /// The moves after folding `records`. Each record must be the next one of its partition.
    pub(super) fn advances(&self, records: &[Record]) -> Result<Vec<Advance>, ProjectionError> {
        let mut advances = BTreeMap::new();
        for Position { partition, offset } in records.iter().map(|record| record.position) {
            let from = self.0.get(&partition).copied().unwrap_or(0);
            let advance =
                advances.entry(partition).or_insert(Advance { partition, from, to: from });
            if offset != advance.to {
                let next = Position { partition, offset: advance.to };
                return Err(ProjectionError::Gap { next, found: offset });
            }
            advance.to += 1;
        }
        Ok(advances.into_values().collect())
    }

    pub(super) fn pass(&mut self, advances: &[Advance]) {
        self.0.extend(advances.iter().map(|advance| (advance.partition, advance.to)));
    }
}
