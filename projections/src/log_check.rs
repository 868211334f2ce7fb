//! Whether the log is the one that the read models were folded from.
//!
//! A checkpoint is a position in one log. A log that was created again, cut, swapped, or restored from a
//! backup has other records there. Projectors check that before they fold, and commands before they append.

use std::collections::BTreeMap;

use domain::Position;
use infra::event_log::{EventLog, LogIdentity, LogReader, ReadError, Record};
use uuid::Uuid;

use crate::store::{Checkpoint, FoldedRecord};

/// The log is not the one that the read models were folded from. An operator must decide.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogMismatch {
    /// Another log: another topic, or one that was created again under the same name.
    #[error(
        "the read models were folded from the {folded}, and this is the {found}: configure the first \
         one again, or fold this one with `anb rebuild --adopt-log`"
    )]
    OtherLog {
        /// The log that was folded.
        folded: LogIdentity,
        /// The log as it is now.
        found: LogIdentity,
    },
    /// The log ends before the last record that was folded.
    #[error(
        "record {at} of the {log} was folded, and its partition holds {first} to {end} (exclusive) now: \
         the log was cut or restored from an older backup; restore all of it, or fold what is left with \
         `anb rebuild --adopt-log`"
    )]
    Cut {
        /// The log.
        log: LogIdentity,
        /// The last record that was folded.
        at: Position,
        /// The first offset that exists.
        first: u64,
        /// The offset that the next record will get.
        end: u64,
    },
    /// Another record stands where the last folded one stood.
    #[error(
        "record {at} of the {log} is {found}, and {folded} was folded there: the log was cut or swapped \
         and has grown again; restore it, or fold it as it is with `anb rebuild --adopt-log`"
    )]
    OtherRecord {
        /// The log.
        log: LogIdentity,
        /// The position.
        at: Position,
        /// The fingerprint of the record that was folded.
        folded: Uuid,
        /// The fingerprint of the record that stands there now.
        found: Uuid,
    },
}

/// Why a log cannot be read from the checkpoints.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogCheckError {
    /// The log cannot be read now.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// It is not the log that was folded.
    #[error(transparent)]
    Mismatch(#[from] LogMismatch),
}

/// Checks that `found` is the log that was folded. `folded` is empty if nothing is known.
pub(crate) fn check_identity<'a>(
    found: &LogIdentity,
    folded: impl IntoIterator<Item = &'a LogIdentity>,
) -> Result<(), LogMismatch> {
    match folded.into_iter().find(|log| *log != found) {
        Some(folded) => Err(LogMismatch::OtherLog { folded: folded.clone(), found: found.clone() }),
        None => Ok(()),
    }
}

/// Checks that no partition ends before its checkpoint. `ends` must be newer than the checkpoints; an
/// unknown end is not compared.
pub(crate) fn check_ends(
    checkpoints: &[Checkpoint],
    ends: &[Option<u64>],
) -> Result<(), LogMismatch> {
    for Checkpoint { next, last } in checkpoints {
        let end = ends.get(next.partition as usize).copied().unwrap_or(Some(0));
        if let Some((last, end)) = last.as_ref().zip(end)
            && end < next.offset
        {
            let at = Position { partition: next.partition, offset: next.offset - 1 };
            return Err(LogMismatch::Cut { log: last.log.clone(), at, first: 0, end });
        }
    }
    Ok(())
}

/// A reader that starts at the last folded record of each partition, and checks that it is still the same
/// before it returns a later one.
pub(crate) struct CheckedReader {
    reader: Box<dyn LogReader>,
    /// The last folded record of each partition that has not been read again yet.
    unchecked: BTreeMap<u32, (Position, FoldedRecord)>,
}

impl CheckedReader {
    /// Opens `log` for reading from the checkpoints on.
    pub(crate) async fn open(
        log: &dyn EventLog,
        checkpoints: &[Checkpoint],
    ) -> Result<Self, LogCheckError> {
        let mut from = Vec::with_capacity(checkpoints.len());
        let mut unchecked = BTreeMap::new();
        for Checkpoint { next, last } in checkpoints {
            let previous = next.offset.checked_sub(1);
            let Some((last, offset)) = last.clone().zip(previous) else {
                from.push(*next);
                continue;
            };
            let at = Position { partition: next.partition, offset };
            from.push(at);
            unchecked.insert(next.partition, (at, last));
        }
        let reader = log.read(&from).await.map_err(|error| cut(error, &unchecked))?;
        Ok(Self { reader, unchecked })
    }

    /// Returns the next records after the checkpoints, at least one and at most `max`. Cancel-safe.
    ///
    /// # Errors
    /// [`LogCheckError`]. If the log loses records while it is read, it is [`ReadError::Unavailable`]: the
    /// next `open` tells what happened.
    pub(crate) async fn next(&mut self, max: usize) -> Result<Vec<Record>, LogCheckError> {
        loop {
            let mut records = self.reader.next(max).await.map_err(|error| match error {
                ReadError::OffsetGone { .. } => ReadError::unavailable(error),
                ReadError::Unavailable(_) => error,
            })?;
            self.check(&mut records)?;
            if !records.is_empty() {
                return Ok(records);
            }
        }
    }

    /// Reads until the last folded record of every partition is checked, `max` records at a time.
    ///
    /// # Errors
    /// [`LogCheckError`]
    pub(crate) async fn check_all(&mut self, max: usize) -> Result<(), LogCheckError> {
        while !self.unchecked.is_empty() {
            let mut records = self.reader.next(max).await?;
            self.check(&mut records)?;
        }
        Ok(())
    }

    /// Removes the records that were folded before, after comparing them.
    fn check(&mut self, records: &mut Vec<Record>) -> Result<(), LogMismatch> {
        if self.unchecked.is_empty() {
            return Ok(());
        }
        let mut mismatch = None;
        records.retain(|record| {
            let Some((at, last)) = self.unchecked.remove(&record.position.partition) else {
                return true;
            };
            let found = record.fingerprint();
            if record.position == at && found == last.fingerprint {
                return false;
            }
            let (log, folded) = (last.log, last.fingerprint);
            mismatch.get_or_insert(LogMismatch::OtherRecord { log, at, folded, found });
            true
        });
        mismatch.map_or(Ok(()), Err)
    }
}

fn cut(error: ReadError, folded: &BTreeMap<u32, (Position, FoldedRecord)>) -> LogCheckError {
    match error {
        ReadError::OffsetGone { partition, first, end, .. } => match folded.get(&partition) {
            Some((at, last)) => {
                LogMismatch::Cut { log: last.log.clone(), at: *at, first, end }.into()
            }
            None => error.into(),
        },
        ReadError::Unavailable(_) => error.into(),
    }
}
