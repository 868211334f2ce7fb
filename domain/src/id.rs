//! Identifiers: accounts, videos, events, and the streams that they belong to.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use crate::text;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            /// Accepts every spelling of a UUID: hyphenated or not, upper case, braced, as a URN.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// One person: an artist, a voter, or both.
    AccountId
);
uuid_id!(
    /// One uploaded video.
    VideoId
);
uuid_id!(
    /// One event. Two records with the same id are two deliveries of one event.
    EventId
);

impl EventId {
    /// The id of a step that follows from another id, such as an attempt at a video: a UUIDv5. Taking
    /// the step twice yields one event.
    pub fn derived(from: Uuid, step: &str) -> Self {
        Self(Uuid::new_v5(&from, step.as_bytes()))
    }
}

/// The pseudonym of an email address in the log: an HMAC-SHA-256 of its normalised form, in hex.
///
/// The log holds no personal data, but it decides who registered an address first. The key of the
/// HMAC is a secret of its own, made once, so an address cannot be found by guessing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmailKey(String);

impl EmailKey {
    /// The key of `email`, the same for every letter case and Unicode form.
    pub fn derive(secret: &[u8; 32], email: &str) -> Self {
        let mut mac = hmac_of(secret);
        mac.update(text::normalised_email(email).as_bytes());
        Self(hex::encode(mac.finalize().into_bytes()))
    }

    /// Reads a key as it stands in a stream id or a row: 64 lower-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 64 && text.bytes().all(hex)).then(|| Self(text.to_owned()))
    }

    /// The 64 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104, section 2)")]
fn hmac_of(secret: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret).expect("a 32-byte key")
}

/// A stream: the events about one thing, which the log keeps in order. It is the key of their records
/// and so decides their partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StreamId {
    /// The events about one email address.
    Account(EmailKey),
    /// The events about one video, its votes included.
    Video(VideoId),
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(email) => write!(f, "account-{}", email.as_str()),
            Self::Video(video) => write!(f, "video-{video}"),
        }
    }
}

/// A text that is no stream id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no stream id: expected account-<64 hex digits> or video-<uuid>")]
pub struct InvalidStreamId(pub String);

impl FromStr for StreamId {
    type Err = InvalidStreamId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let account = || EmailKey::parse(text.strip_prefix("account-")?).map(Self::Account);
        let video = || text.strip_prefix("video-")?.parse().ok().map(Self::Video);
        account()
            .or_else(video)
            // Another spelling would be another key and split the stream.
            .filter(|stream| stream.to_string() == text)
            .ok_or_else(|| InvalidStreamId(text.to_owned()))
    }
}
