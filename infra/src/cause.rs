//! The cause that an error keeps as its source.
//!
//! Several callers share one cause: a batch that fails, fails each of its records. The texts of errors in
//! `infra` and `ports` end with their cause, so that `%error` in a log line is complete.
//! [`crate::error_chain`] leaves out such repetitions.

use std::error::Error;
use std::sync::Arc;

/// A cause that is cheap to clone.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Makes a cause of an error, or of a sentence where there is no error.
pub fn cause(error: impl Into<Box<dyn Error + Send + Sync>>) -> Cause {
    Arc::from(error.into())
}
