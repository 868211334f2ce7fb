//! The transfer: read the target, survey the source, append what is missing, read it back, compare.

use super::digest::{DigestSummary, LogDigest};
use super::error::TransferError;
use super::log_source::LogSource;
use super::portable::{LeftOut, portable};
use super::record_source::{Offsets, RecordPass, RecordSource};
use super::survey::{Missing, Survey};
use crate::event_log::{EventLog, NewRecord};

/// Records per append: well within what the logs take into their queues.
const MAX_BATCH: usize = 4_096;
/// Bytes of keys and values per append, for the same reason.
const MAX_BATCH_BYTES: usize = 16 << 20;

/// How a transfer proceeds.
#[derive(Clone, Copy, Default)]
pub struct TransferOptions {
    /// Leaves out records that cannot move, and ignores those in the target. Without it they stop the
    /// transfer before it appends.
    pub skip_unreadable: bool,
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Records of the source that were read and compared.
    Compared(u64),
    /// Records that were appended, of so many.
    Appended(u64, u64),
}

/// A transfer that has succeeded: both logs hold the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transferred {
    /// Records that this transfer appended.
    pub appended: u64,
    /// What both logs hold.
    pub holds: DigestSummary,
    /// Records that could not move.
    pub left_out: LeftOut,
}

/// Appends to `target` what it lacks of `source`, and checks that both hold the same in the end.
///
/// # Errors
/// As [`Transfer::pass`].
pub async fn transfer(
    source: &dyn RecordSource,
    target: &dyn EventLog,
    options: TransferOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Transferred, TransferError> {
    let mut transfer = Transfer::new(target, options);
    transfer.pass(source, progress).await?;
    Ok(transfer.end())
}

/// A transfer of one or more passes. Each pass after the first reads only what is new, so that the last
/// one is short.
pub struct Transfer<'a> {
    target: Target<'a>,
    survey: Survey,
    appended: u64,
}

impl<'a> Transfer<'a> {
    /// A transfer to this log.
    pub fn new(target: &'a dyn EventLog, options: TransferOptions) -> Self {
        Self { target: Target::new(target, options), survey: Survey::default(), appended: 0 }
    }

    /// Appends what the target lacks, and checks that both logs hold the same.
    ///
    /// # Errors
    /// [`TransferError`]. Nothing is appended if the target holds anything but a prefix of each stream of
    /// the source. After any other error a new transfer continues.
    pub async fn pass(
        &mut self,
        source: &dyn RecordSource,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<(), TransferError> {
        let Self { target, survey, appended } = self;
        target.read_new().await?;
        let compared = |read| progress(Progress::Compared(read));
        let missing = survey.extend(source, &target.held, compared).await?;
        if !survey.left_out.is_empty() && !target.options.skip_unreadable {
            return Err(TransferError::Immovable(survey.left_out.clone()));
        }
        if missing.records > 0 {
            target.check_unchanged().await?;
            append_missing(source, target, &missing, progress).await?;
            *appended += missing.records;
            target.read_new().await?;
        }
        if target.held == survey.wanted {
            return Ok(());
        }
        let (wanted, found) = (survey.wanted.summary(), target.held.summary());
        Err(TransferError::NotEqual { wanted, found })
    }

    /// What the passes did.
    pub fn end(self) -> Transferred {
        let holds = self.target.held.summary();
        Transferred { appended: self.appended, holds, left_out: self.survey.left_out }
    }
}

/// The target, and what has been read from it.
struct Target<'a> {
    log: &'a dyn EventLog,
    options: TransferOptions,
    held: LogDigest,
    read_to: Offsets,
}

impl<'a> Target<'a> {
    fn new(log: &'a dyn EventLog, options: TransferOptions) -> Self {
        let read_to = (0..log.partitions()).map(|partition| (partition, 0)).collect();
        Self { log, options, held: LogDigest::default(), read_to }
    }

    /// Fails if the target has grown since it was read. What a killed transfer has sent may arrive late,
    /// or another transfer runs.
    async fn check_unchanged(&self) -> Result<(), TransferError> {
        let now = LogSource::up_to_now(self.log).await?;
        if now.ends() == self.read_to { Ok(()) } else { Err(TransferError::TargetBusy) }
    }

    /// Reads what was appended since the last call.
    async fn read_new(&mut self) -> Result<(), TransferError> {
        let now = LogSource::up_to_now(self.log).await?;
        let mut pass = now.read(&self.read_to).await?;
        let mut foreign = LeftOut::default();
        loop {
            let records = pass.next().await?;
            if records.is_empty() {
                break;
            }
            for record in records {
                let position = record.position;
                match portable(record, self.log.partitions()) {
                    Ok(record) => {
                        self.held.add(&record);
                    }
                    Err(why) => foreign.note(position, why),
                }
            }
        }
        self.read_to = now.ends();
        if foreign.is_empty() || self.options.skip_unreadable {
            return Ok(());
        }
        Err(TransferError::ForeignRecords(foreign))
    }
}

async fn append_missing(
    source: &dyn RecordSource,
    target: &Target<'_>,
    missing: &Missing,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(), TransferError> {
    let mut read = missing.records_before.clone();
    let mut pass = source.pass(&missing.from).await?;
    let mut batch = Batch::default();
    let mut appended = 0;
    loop {
        let records = pass.next().await?;
        if records.is_empty() {
            break;
        }
        for record in records {
            let Ok(record) = portable(record, source.partitions()) else { continue };
            // A stream that the survey did not meet is a change of the source. The end finds it.
            let Some(number) = read.get_mut(&record.key) else { continue };
            *number += 1;
            if *number > target.held.stream(&record.key).records {
                batch.push(record);
            }
            if batch.is_full() {
                appended += batch.append_to(target.log).await?;
                progress(Progress::Appended(appended, missing.records));
            }
        }
    }
    appended += batch.append_to(target.log).await?;
    progress(Progress::Appended(appended, missing.records));
    Ok(())
}

/// Records to append together. One batch is acknowledged before the next is sent. So an error leaves a
/// prefix of each stream, if the adapter keeps the order within a call.
#[derive(Default)]
struct Batch {
    records: Vec<NewRecord>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, record: NewRecord) {
        self.bytes += record.key.len() + record.value.len();
        self.records.push(record);
    }

    fn is_full(&self) -> bool {
        self.records.len() >= MAX_BATCH || self.bytes >= MAX_BATCH_BYTES
    }

    async fn append_to(&mut self, log: &dyn EventLog) -> Result<u64, TransferError> {
        self.bytes = 0;
        let records = std::mem::take(&mut self.records);
        let count = records.len() as u64;
        for appended in log.append(records).await {
            appended?;
        }
        Ok(count)
    }
}
