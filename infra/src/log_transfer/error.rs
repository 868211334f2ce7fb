//! Why a log cannot be moved.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::digest::DigestSummary;
use super::portable::LeftOut;
use crate::event_log::{AppendError, ReadError};

/// Why a log cannot be moved.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// A log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A log says that it has more records, but none came.
    #[error("no record came for {} s, although the log has more", .0.as_secs())]
    Silent(Duration),
    /// The target did not take a record.
    #[error("the target log did not take a record; the same command continues: {0}")]
    Append(#[from] AppendError),
    /// The target has a stream that does not begin like that of the source.
    #[error(
        "the target log holds something else: its stream `{stream}` does not begin like that of the \
         source. Use an empty log"
    )]
    StreamDiffers {
        /// The stream.
        stream: String,
    },
    /// The target has records that the source lacks.
    #[error(
        "the target log holds {surplus} more records of stream `{stream}` than the source. It is ahead, \
         or it is the log of another contest"
    )]
    TargetAhead {
        /// The stream.
        stream: String,
        /// How many more.
        surplus: u64,
    },
    /// Records arrive in the target that this transfer did not append.
    #[error(
        "the target log grows while it is read: stop what appends to it, and run the same command again"
    )]
    TargetBusy,
    /// The target has records that no transfer appends.
    #[error(
        "the target log holds unreadable records that no transfer appends (ignore them with \
         --skip-unreadable): {0}"
    )]
    ForeignRecords(LeftOut),
    /// The source has records that cannot be appended to another log.
    #[error(
        "{0} cannot be appended to another log: see them with `anb dead-letters show`, and leave them \
         out with --skip-unreadable. An export file keeps them"
    )]
    Immovable(LeftOut),
    /// The logs differ after the transfer.
    #[error("the logs differ after the transfer: the source has {wanted}, the target {found}")]
    NotEqual {
        /// What the source holds.
        wanted: DigestSummary,
        /// What the target holds.
        found: DigestSummary,
    },
    /// The export file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The output cannot be written.
    #[error("the export cannot be written: {0}")]
    Output(#[source] io::Error),
    /// The export file is not what an export wrote.
    #[error("{}: {what}", path.display())]
    BadExport {
        /// The file.
        path: PathBuf,
        /// What is wrong, and in which line.
        what: String,
    },
}
