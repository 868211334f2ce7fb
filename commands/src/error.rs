//! Why a command failed.

use std::error::Error;

use domain::Rejection;
use infra::cause::{Cause, cause};
use infra::database::is_transient;
use infra::event_log::AppendError;
use infra::object_storage::StorageError;
use ports::LookupError;

/// A command that did not take effect, as far as the process can tell.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The rules forbid it.
    #[error("rejected: {0}")]
    Rejected(Rejection),
    /// The password is wrong.
    #[error("wrong password")]
    WrongPassword,
    /// The idempotency key belongs to another request of this person.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// A dependency of the command is unavailable. A retry with the same idempotency key is safe.
    #[error("unavailable: {0}")]
    Unavailable(#[source] Cause),
    /// Too many callers at once. Nothing was done.
    #[error("too many at once")]
    Overloaded,
    /// A defect of ours.
    #[error("internal: {0}")]
    Internal(#[source] Cause),
}

impl CommandError {
    pub(crate) fn unavailable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause(error))
    }

    pub(crate) fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(cause(error))
    }

    /// An accepted event is not in the read models, so they are being rebuilt.
    pub(crate) fn rebuilding() -> Self {
        Self::unavailable("the read models are being rebuilt")
    }
}

impl From<Rejection> for CommandError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<AppendError> for CommandError {
    fn from(error: AppendError) -> Self {
        match error {
            // Every field of a command is bounded far below the limit of a record.
            AppendError::TooLarge { .. } => Self::internal(error),
            AppendError::Unavailable(_) | AppendError::Unknown(_) => Self::unavailable(error),
        }
    }
}

impl From<LookupError> for CommandError {
    fn from(error: LookupError) -> Self {
        Self::unavailable(error)
    }
}

impl From<sqlx::Error> for CommandError {
    fn from(error: sqlx::Error) -> Self {
        if is_transient(&error) { Self::unavailable(error) } else { Self::internal(error) }
    }
}

/// Why an original was not stored. Nothing of it remains.
#[derive(Debug, thiserror::Error)]
pub enum StoreOriginalError {
    /// It is empty, or its first bytes are those of no accepted video container.
    #[error("the file is no video")]
    NotAVideo,
    /// It is larger than allowed.
    #[error("the file is larger than {max} bytes")]
    TooLarge {
        /// The limit in bytes.
        max: u64,
    },
    /// The client's body broke off.
    #[error("the upload broke off: {0}")]
    Body(#[source] std::io::Error),
    /// The object store cannot take it.
    #[error(transparent)]
    Storage(StorageError),
}
