//! Why a request about a resumable upload failed.

use crate::error::CommandError;

/// Why a request about a resumable upload failed.
#[derive(Debug, thiserror::Error)]
pub enum ResumableError {
    /// No upload has this id, or it belongs to somebody else.
    #[error("no such upload")]
    Unknown,
    /// No piece arrived for too long.
    #[error("the upload has expired")]
    Expired,
    /// The piece does not begin where the upload ends.
    #[error("the piece does not begin where the upload ends")]
    WrongOffset,
    /// The piece has more bytes than are missing.
    #[error("the piece has more bytes than are missing")]
    TooLarge,
    /// The piece does not match its checksum.
    #[error("the piece does not match its checksum")]
    ChecksumMismatch,
    /// The owner has too many unfinished uploads.
    #[error("too many unfinished uploads")]
    TooMany,
    /// The upload has too many pieces.
    #[error("the upload has too many pieces")]
    TooManyPieces,
    /// The whole upload is no video. Nothing of it remains.
    #[error("the upload is no video")]
    NotAVideo,
    /// The video could not be entered into the contest, or a dependency is unavailable.
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl From<sqlx::Error> for ResumableError {
    fn from(error: sqlx::Error) -> Self {
        Self::Command(error.into())
    }
}
