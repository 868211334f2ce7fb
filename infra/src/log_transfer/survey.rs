//! What a source holds, and from where on the target lacks it.

use std::collections::HashMap;

use domain::Position;

use super::digest::LogDigest;
use super::error::TransferError;
use super::portable::{LeftOut, portable};
use super::record_source::{Offsets, RecordSource};
use crate::event_log::NewRecord;

/// What a source holds, compared with a target that holds a prefix of each stream.
#[derive(Default)]
pub(super) struct Survey {
    /// What the target must hold in the end.
    pub(super) wanted: LogDigest,
    /// Records that cannot move.
    pub(super) left_out: LeftOut,
    /// The first record of each partition that was not read yet.
    read_to: Offsets,
}

/// What a target lacks.
#[derive(Default)]
pub(super) struct Missing {
    /// How many records.
    pub(super) records: u64,
    /// The first of each partition.
    pub(super) from: Offsets,
    /// For each stream with records from there on: how many it has before.
    pub(super) records_before: HashMap<String, u64>,
}

impl Survey {
    /// Reads what the source has got since the last call, at first everything. Returns what the target
    /// lacks. Fails if the target does not hold a prefix of each stream.
    pub(super) async fn extend(
        &mut self,
        source: &dyn RecordSource,
        held: &LogDigest,
        mut progress: impl FnMut(u64),
    ) -> Result<Missing, TransferError> {
        let mut from = source.beginning();
        from.extend(self.read_to.iter());
        let mut pass = source.pass(&from).await?;
        let mut missing = Missing::default();
        let mut read = 0;
        loop {
            let records = pass.next().await?;
            if records.is_empty() {
                break;
            }
            read += records.len() as u64;
            for record in records {
                let position = record.position;
                self.read_to.insert(position.partition, position.offset + 1);
                match portable(record, source.partitions()) {
                    Ok(record) => self.add(position, &record, held, &mut missing)?,
                    Err(why) => self.left_out.note(position, why),
                }
            }
            progress(read);
        }
        self.check_surplus(held)?;
        Ok(missing)
    }

    fn add(
        &mut self,
        position: Position,
        record: &NewRecord,
        held: &LogDigest,
        missing: &mut Missing,
    ) -> Result<(), TransferError> {
        let (before, after) = self.wanted.add(record);
        let of_target = held.stream(&record.key);
        if after.records == of_target.records && after != of_target {
            return Err(TransferError::StreamDiffers { stream: record.key.clone() });
        }
        if after.records > of_target.records {
            missing.records += 1;
            missing.from.entry(position.partition).or_insert(position.offset);
        }
        if missing.from.contains_key(&position.partition)
            && !missing.records_before.contains_key(&record.key)
        {
            missing.records_before.insert(record.key.clone(), before.records);
        }
        Ok(())
    }

    fn check_surplus(&self, held: &LogDigest) -> Result<(), TransferError> {
        for (stream, of_target) in &held.streams {
            let wanted = self.wanted.stream(stream).records;
            if of_target.records > wanted {
                let surplus = of_target.records - wanted;
                return Err(TransferError::TargetAhead { stream: stream.clone(), surplus });
            }
        }
        Ok(())
    }
}
