//! The first pass over a source: what it holds, and from where on the target lacks it.

use std::collections::HashMap;

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
    /// The first missing record of each partition that has one.
    pub(super) missing_from: Offsets,
    /// For each stream with records from there on: how many it has before.
    pub(super) records_before: HashMap<String, u64>,
    /// Records that cannot move.
    pub(super) left_out: LeftOut,
    /// Records that the target lacks.
    pub(super) missing: u64,
}

impl Survey {
    /// Reads the whole source. Fails if the target does not hold a prefix of each stream.
    pub(super) async fn of(
        source: &dyn RecordSource,
        held: &LogDigest,
        mut progress: impl FnMut(u64),
    ) -> Result<Self, TransferError> {
        let mut survey = Self::default();
        let mut pass = source.pass(&source.beginning()).await?;
        let mut read = 0;
        loop {
            let records = pass.next().await?;
            if records.is_empty() {
                break;
            }
            read += records.len() as u64;
            for record in records {
                let position = record.position;
                match portable(record, source.partitions()) {
                    Ok(record) => survey.add(position.partition, position.offset, &record, held)?,
                    Err(why) => survey.left_out.note(position, why),
                }
            }
            progress(read);
        }
        survey.check_surplus(held)?;
        Ok(survey)
    }

    fn add(
        &mut self,
        partition: u32,
        offset: u64,
        record: &NewRecord,
        held: &LogDigest,
    ) -> Result<(), TransferError> {
        let (before, after) = self.wanted.add(record);
        let of_target = held.stream(&record.key);
        if after.records == of_target.records && after != of_target {
            return Err(TransferError::StreamDiffers { stream: record.key.clone() });
        }
        if after.records > of_target.records {
            self.missing += 1;
            self.missing_from.entry(partition).or_insert(offset);
        }
        if self.missing_from.contains_key(&partition)
            && !self.records_before.contains_key(&record.key)
        {
            self.records_before.insert(record.key.clone(), before.records);
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
