//! Why a read model gives no answer.

use std::error::Error;

use infra::cause::{Cause, cause};
use infra::database::is_transient;

/// Why a query has no answer. Queries that were batched together share the cause.
#[derive(Clone, Debug, thiserror::Error)]
pub enum QueryError {
    /// The database cannot be reached now.
    #[error("the read models are unavailable: {0}")]
    Unavailable(#[source] Cause),
    /// A row or a statement is not what this version expects.
    #[error("the read models are broken: {0}")]
    Broken(#[source] Cause),
}

impl QueryError {
    pub(crate) fn unavailable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause(error))
    }

    pub(crate) fn broken(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Broken(cause(error))
    }
}

impl From<sqlx::Error> for QueryError {
    fn from(error: sqlx::Error) -> Self {
        if is_transient(&error) { Self::unavailable(error) } else { Self::broken(error) }
    }
}
