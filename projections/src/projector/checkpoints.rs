//! The checkpoints of owned partitions, as the projector moves them.

use std::collections::BTreeMap;

use domain::Position;
use infra::event_log::LogIdentity;
use uuid::Uuid;

use super::error::ProjectionError;
use crate::store::{Advance, Checkpoint};

/// A record that a batch passes: an event, or a dead letter.
pub(super) struct PassedRecord {
    pub(super) at: Position,
    pub(super) fingerprint: Uuid,
}

/// The first offset of each owned partition that is not folded yet, and the log that it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Checkpoints {
    pub(super) log: LogIdentity,
    next: BTreeMap<u32, u64>,
}

impl Checkpoints {
    pub(super) fn new(log: LogIdentity, owned: &[Checkpoint]) -> Self {
        let next = owned.iter().map(|checkpoint| checkpoint.next);
        Self { log, next: next.map(|at| (at.partition, at.offset)).collect() }
    }

    pub(super) fn len(&self) -> usize {
        self.next.len()
    }

    /// Records between the checkpoints and `ends`, the end offsets by partition.
    pub(super) fn lag(&self, ends: &[u64]) -> u64 {
        let end = |partition: &u32| ends.get(*partition as usize).copied().unwrap_or(0);
        self.next.iter().map(|(partition, next)| end(partition).saturating_sub(*next)).sum()
    }

    /// The moves after folding `records`. Each record must be the next one of its partition.
    pub(super) fn advances(
        &self,
        records: &[PassedRecord],
    ) -> Result<Vec<Advance>, ProjectionError> {
        let mut advances = BTreeMap::new();
        for PassedRecord { at: Position { partition, offset }, fingerprint } in records {
            let (partition, offset) = (*partition, *offset);
            let from = self.next.get(&partition).copied().unwrap_or(0);
            let advance = Advance { partition, from, to: from, last: Uuid::nil() };
            let advance = advances.entry(partition).or_insert(advance);
            if offset != advance.to {
                let next = Position { partition, offset: advance.to };
                return Err(ProjectionError::Gap { next, found: offset });
            }
            advance.to += 1;
            advance.last = *fingerprint;
        }
        Ok(advances.into_values().collect())
    }

    pub(super) fn pass(&mut self, advances: &[Advance]) {
        self.next.extend(advances.iter().map(|advance| (advance.partition, advance.to)));
    }
}
