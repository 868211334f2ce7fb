//! The one error of a question to the read models.

use std::error::Error;

use infra::cause::{Cause, cause};

/// The read models cannot be queried now, or their answer makes no sense. All who share a query get the
/// same cause.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the read models are unavailable: {0}")]
pub struct LookupError(#[source] Cause);

impl LookupError {
    /// An error with this cause: an error, or a sentence.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause(error))
    }
}
