//! Values that must never be printed.
//!
//! Kept, not `secrecy`: its types can neither be compared nor parsed by clap.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use super::setting_error::SettingError;

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text. The caller must not log it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the text is only white space, which counts as unset.
    pub fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

/// The key that signs access tokens and the URLs of local media: at least [`SecretKey::MIN_BYTES`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretKey(Secret);

impl SecretKey {
    /// HMAC-SHA-256 needs a key at least as long as its output (RFC 7518, section 3.2).
    pub const MIN_BYTES: usize = 32;

    /// Checks the length of the secret.
    ///
    /// # Errors
    /// If it is too short.
    pub fn parse(secret: Secret) -> Result<Self, SettingError> {
        let bytes = secret.0.len();
        if bytes < Self::MIN_BYTES {
            return Err(SettingError::new(format!(
                "SECRET_KEY has {bytes} bytes, it needs at least {}",
                Self::MIN_BYTES
            )));
        }
        Ok(Self(secret))
    }

    /// The key's bytes.
    pub fn expose(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let key = SecretKey::parse(Secret::new("k".repeat(32))).unwrap();
        let shown = format!("{:?} {key:?}", Secret::new("hunter2"));
        assert!(!shown.contains("hunter2") && !shown.contains("kkk"), "{shown}");
    }

    #[test]
    fn a_short_key_is_rejected_and_not_shown() {
        let error = SecretKey::parse(Secret::new("s".repeat(31))).unwrap_err().to_string();
        assert_eq!(error, "SECRET_KEY has 31 bytes, it needs at least 32");
    }
}
