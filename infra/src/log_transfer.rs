//! Moves a log: to another log, or to a file and back.
//!
//! A transfer reads a [`RecordSource`] (a log, or an export file) and appends to a log what that lacks.
//! Within each stream the order, the event ids, the headers and the original times are kept. A target
//! must hold a prefix of each stream, and nothing else. So a transfer that was killed continues where it
//! was, and a transfer can be repeated while events arrive.
//!
//! Nothing is trusted: the target is read before and after the transfer, and compared by a hash per stream.

mod digest;
mod error;
mod export_file;
mod log_source;
mod portable;
mod record_source;
mod survey;
mod transfer;

pub use digest::{DigestSummary, LogDigest};
pub use error::TransferError;
pub use export_file::{ExportFile, ExportSummary, export};
pub use log_source::LogSource;
pub use portable::{Immovable, LeftOut};
pub use record_source::{Offsets, RecordPass, RecordSource};
pub use transfer::{Progress, Transfer, TransferOptions, Transferred, transfer};
