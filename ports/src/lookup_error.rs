//! The one error of a question to the read models.

use std::error::Error;
use std::sync::Arc;

/// The read models cannot be queried now, or their answer makes no sense. Cheap to clone: everybody
/// who shares a query gets the same cause.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the read models are unavailable")]
pub struct LookupError(#[source] Arc<dyn Error + Send + Sync>);

impl LookupError {
    /// An error with this cause: an error, or a sentence.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(cause.into()))
    }
}
