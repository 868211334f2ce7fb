//! Names of objects.

use std::fmt;

/// The name of an object: one or more segments of `[A-Za-z0-9._-]`, joined by `/`, none of them
/// `.` or `..`. It needs no escaping in a path, in a URL or as an S3 key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// Parses a key; `None` if the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let sound = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        (text.len() <= 512 && text.split('/').all(sound)).then(|| Self(text.to_owned()))
    }

    /// Whether a key can start with `prefix`.
    pub(super) fn may_start_with(prefix: &str) -> bool {
        Self::parse(prefix).is_some() || Self::parse(&format!("{prefix}x")).is_some()
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
