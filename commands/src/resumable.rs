//! Resumable uploads (ADR 0022): an original arrives in pieces, over several connections and in several
//! processes, and is entered into the contest with its last byte.
//!
//! Each piece is an object of its own. A row lists the pieces that count. One conditional statement
//! adds a piece to it, so of two clients that send the same bytes only one succeeds.

mod append;
mod create;
mod error;
mod finish;
pub(crate) mod limits;
mod metrics;
mod piece;
pub(crate) mod sweep;
mod upload;
mod uploads_table;

pub use append::AppendedPiece;
pub use error::ResumableError;
pub use metrics::report_upload_metrics;
pub use piece::Piece;
pub use upload::{NewUpload, ResumableUpload, UploadId};
