//! Why a resumable upload did not go on.

use crate::CommandError;

/// What stands in the way of an upload.
#[derive(Debug, thiserror::Error)]
pub enum ResumableError {
    /// There is none of this id, or it is somebody else's.
    #[error("no such upload")]
    Unknown,
    /// Nothing came of it for too long.
    #[error("the upload has expired")]
    Expired,
    /// The piece does not begin where the upload ends.
    #[error("the piece does not begin where the upload ends")]
    WrongOffset,
    /// The piece is longer than what is still to come.
    #[error("the piece is longer than what is still to come")]
    TooLarge,
    /// The piece is not what its checksum says.
    #[error("the piece is not what its checksum says")]
    ChecksumMismatch,
    /// Its owner has too many unfinished ones.
    #[error("too many unfinished uploads")]
    TooMany,
    /// It came in too many pieces.
    #[error("the upload came in too many pieces")]
    TooManyPieces,
    /// All has come, and it is no video. Nothing of it remains.
    #[error("the upload is no video")]
    NotAVideo,
    /// It could not be entered into the contest, or the parts that this needs are away.
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl From<sqlx::Error> for ResumableError {
    fn from(error: sqlx::Error) -> Self {
        Self::Command(error.into())
    }
}
