//! Signed URLs: a client that has the URL may read the object until it expires.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::object_storage::{EXPIRY_STEP, ObjectKey};

/// Separates the derived key from those of other uses of the same secret.
const PURPOSE: &[u8] = b"anb signed media url v1";

/// Why a URL is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignedUrlError {
    /// The signature does not match the key and the expiry time.
    #[error("the signature is wrong")]
    Forged,
    /// The URL was valid and has expired.
    #[error("the URL has expired")]
    Expired,
}

/// Signs with HMAC-SHA-256 (RFC 2104) under a key derived from the secret.
#[derive(Clone)]
pub(super) struct Signer {
    mac: Hmac<Sha256>,
}

impl Signer {
    pub(super) fn new(secret: &[u8]) -> Self {
        let derived = keyed(secret).chain_update(PURPOSE).finalize().into_bytes();
        Self { mac: keyed(&derived) }
    }

    /// The query string that gives access to `key` for `valid_for` from `now` on, and up to
    /// [`EXPIRY_STEP`] longer.
    pub(super) fn query(&self, key: &ObjectKey, now: Timestamp, valid_for: Duration) -> String {
        let step = EXPIRY_STEP.as_secs();
        let wanted = unix_seconds(now).saturating_add(valid_for.as_secs()).saturating_add(1);
        let expires = wanted.div_ceil(step).saturating_mul(step);
        let signature = self.message(key, expires).finalize().into_bytes();
        format!("expires={expires}&signature={}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Checks the signature and the expiry at `now`. Compares signatures in constant time.
    pub(super) fn verify(
        &self,
        key: &ObjectKey,
        expires: u64,
        signature: &str,
        now: Timestamp,
    ) -> Result<(), SignedUrlError> {
        let bytes = URL_SAFE_NO_PAD.decode(signature).map_err(|_| SignedUrlError::Forged)?;
        self.message(key, expires).verify_slice(&bytes).map_err(|_| SignedUrlError::Forged)?;
        if unix_seconds(now) >= expires {
            return Err(SignedUrlError::Expired);
        }
        Ok(())
    }

    /// A URL for `GET` is valid for `HEAD`, too.
    fn message(&self, key: &ObjectKey, expires: u64) -> Hmac<Sha256> {
        self.mac.clone().chain_update(format!("GET\n{key}\n{expires}"))
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    match Hmac::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes a key of any length"),
    }
}

fn unix_seconds(at: Timestamp) -> u64 {
    u64::try_from(at.timestamp()).unwrap_or(0)
}
