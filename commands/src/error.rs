//! Why a command failed.

use domain::Rejection;
use infra::database::passes;
use infra::event_log::AppendError;
use infra::object_storage::StorageError;
use ports::LookupError;

/// A command that did not take effect, as far as anybody can say.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The rules forbid it.
    #[error("rejected: {0}")]
    Rejected(Rejection),
    /// The password is wrong.
    #[error("wrong password")]
    WrongPassword,
    /// The idempotency key stands for another request of this person.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// Something that commands need is away or overloaded. A retry with the same idempotency key is
    /// safe.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Too many ask for it at once. Nothing was done.
    #[error("too many at once")]
    Overloaded,
    /// A defect on our side.
    #[error("internal: {0}")]
    Internal(String),
}

impl From<Rejection> for CommandError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<AppendError> for CommandError {
    fn from(error: AppendError) -> Self {
        match error {
            // Every field of a command is bounded long before this.
            AppendError::TooLarge { .. } => Self::Internal(error.to_string()),
            AppendError::Unavailable(_) | AppendError::Unknown(_) => {
                Self::Unavailable(error.to_string())
            }
        }
    }
}

impl CommandError {
    /// What was accepted is not in the read models: they are being rebuilt.
    pub(crate) fn rebuilding() -> Self {
        Self::Unavailable("the read models are being rebuilt".to_owned())
    }
}

impl From<LookupError> for CommandError {
    fn from(error: LookupError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<sqlx::Error> for CommandError {
    fn from(error: sqlx::Error) -> Self {
        if passes(&error) {
            Self::Unavailable(error.to_string())
        } else {
            Self::Internal(error.to_string())
        }
    }
}

/// Why an original was not stored. Nothing of it remains.
#[derive(Debug, thiserror::Error)]
pub enum StoreOriginalError {
    /// Its first bytes are those of no video container that the contest accepts, or it is empty.
    #[error("the file is no video")]
    NotAVideo,
    /// It is larger than allowed.
    #[error("the file is larger than {max} bytes")]
    TooLarge {
        /// The most that is allowed, in bytes.
        max: u64,
    },
    /// The client's stream of bytes broke off.
    #[error("the upload broke off: {0}")]
    Body(#[source] std::io::Error),
    /// The store cannot take it.
    #[error(transparent)]
    Storage(StorageError),
}
