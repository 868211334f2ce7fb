//! An export of a log: JSON lines.
//!
//! - The first line names the format, its version, and the number of partitions.
//! - Then follows one line per record: partition, offset, time, key, headers, value.
//! - The last line holds counts and hashes. A file without it is truncated.
//!
//! Bytes that are UTF-8 stand as a JSON string, others as `{"base64": "…"}`, so an export is lossless.

mod line;
mod reader;
mod writer;

pub use reader::ExportFile;
pub use writer::{ExportSummary, export};
