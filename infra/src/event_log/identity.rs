//! Which log an adapter reads and appends to.

use std::fmt;

/// The identity of a log. A log that is deleted and created again under the same name has another one.
///
/// Offsets mean something only within one log. So checkpoints remember the identity, and readers compare
/// it before they fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogIdentity(String);

impl LogIdentity {
    /// The identity with this text: adapter, name, and an id that the server made.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, as checkpoints store it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
