//! The form in which a record moves: any log can append it, and it carries its original time.

use std::fmt;

use chrono::SecondsFormat;
use domain::Position;

use crate::event_log::envelope::LOG_TIME;
use crate::event_log::partition::partition_of;
use crate::event_log::{NewRecord, Record};

/// Why a record cannot be appended to another log. None of these is an event in any version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Immovable {
    /// No stream, so no partition.
    #[error("it has no key")]
    NoKey,
    /// A log takes text keys only.
    #[error("its key is no UTF-8")]
    BinaryKey,
    /// A log takes text headers only.
    #[error("a header is no UTF-8")]
    BinaryHeader,
    /// A log takes records with a value only.
    #[error("it has no value")]
    NoValue,
    /// In another log it would be in the partition of its key. There it would be an event.
    #[error("it is not in the partition of its key")]
    WrongPartition,
}

/// The record as it is appended to another log: with [`LOG_TIME`], unless it has one from an earlier
/// copy. Whether it is a readable event does not matter.
///
/// # Errors
/// [`Immovable`] if no log can take it as it is.
pub(super) fn portable(record: Record, partitions: u32) -> Result<NewRecord, Immovable> {
    let Record { position, at, key, headers, value } = record;
    let key = key.ok_or(Immovable::NoKey)?;
    let key = String::from_utf8(key.into()).map_err(|_| Immovable::BinaryKey)?;
    if partition_of(key.as_bytes(), partitions) != position.partition {
        return Err(Immovable::WrongPartition);
    }
    let mut texts = Vec::with_capacity(headers.len() + 1);
    for (name, value) in headers {
        let value = String::from_utf8(value.into()).map_err(|_| Immovable::BinaryHeader)?;
        texts.push((name, value));
    }
    if !texts.iter().any(|(name, _)| name == LOG_TIME) {
        texts.push((LOG_TIME.to_owned(), at.to_rfc3339_opts(SecondsFormat::Micros, true)));
    }
    let value = value.ok_or(Immovable::NoValue)?;
    Ok(NewRecord { key, headers: texts, value })
}

/// Records that cannot move. A few are named, all are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// How many.
    pub records: u64,
    /// The first of them.
    pub first: Vec<(Position, Immovable)>,
}

impl LeftOut {
    /// Records that are named.
    const NAMED: usize = 10;

    pub(super) fn note(&mut self, position: Position, why: Immovable) {
        self.records += 1;
        if self.first.len() < Self::NAMED {
            self.first.push((position, why));
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records (", self.records)?;
        for (number, (position, why)) in self.first.iter().enumerate() {
            let separator = if number == 0 { "" } else { ", " };
            write!(f, "{separator}{position}: {why}")?;
        }
        let more = self.records > self.first.len() as u64;
        f.write_str(if more { ", …)" } else { ")" })
    }
}
