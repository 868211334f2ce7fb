//! Command tokens: with one, a client asks later for the verdict of a command.
//!
//! A token is 60 fixed bytes. A JWT would be three times as long, with claims to validate.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{EventId, Position, VideoId};
use hmac::{Hmac, KeyInit, Mac};
use ports::verdicts::AwaitedEvent;
use sha2::Sha256;
use uuid::Uuid;

/// Event id, partition, offset, voted video.
const PAYLOAD_BYTES: usize = 16 + 4 + 8 + 16;
/// HMAC-SHA-256, truncated to 128 bits (RFC 2104, section 5).
const TAG_BYTES: usize = 16;

/// A text that clients cannot forge and need not understand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandToken(String);

impl fmt::Display for CommandToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenPayload {
    pub(crate) awaited: AwaitedEvent,
    pub(crate) position: Position,
}

/// Issues and reads tokens.
#[derive(Clone)]
pub(crate) struct TokenKey(Hmac<Sha256>);

impl TokenKey {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104, section 2)")]
    pub(crate) fn derive(secret_key: &[u8]) -> Self {
        let mut derivation = <Hmac<Sha256> as KeyInit>::new_from_slice(secret_key).expect("a key");
        derivation.update(b"anb command token v1");
        let key = derivation.finalize().into_bytes();
        Self(<Hmac<Sha256> as KeyInit>::new_from_slice(&key).expect("a key"))
    }

    pub(crate) fn issue(
        &self,
        event_id: EventId,
        position: Position,
        voted_video: Option<VideoId>,
    ) -> CommandToken {
        let mut bytes = Vec::with_capacity(PAYLOAD_BYTES + TAG_BYTES);
        bytes.extend_from_slice(event_id.0.as_bytes());
        bytes.extend_from_slice(&position.partition.to_be_bytes());
        bytes.extend_from_slice(&position.offset.to_be_bytes());
        bytes.extend_from_slice(voted_video.map_or(Uuid::nil(), |video| video.0).as_bytes());
        let tag = self.0.clone().chain_update(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&tag[..TAG_BYTES]);
        CommandToken(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The payload; `None` if no process with this key issued the token.
    pub(crate) fn read(&self, token: &str) -> Option<TokenPayload> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (payload, tag) = bytes.split_at_checked(PAYLOAD_BYTES)?;
        if tag.len() != TAG_BYTES {
            return None;
        }
        // Constant time.
        self.0.clone().chain_update(payload).verify_truncated_left(tag).ok()?;
        let (event_id, rest) = payload.split_first_chunk::<16>()?;
        let (partition, rest) = rest.split_first_chunk::<4>()?;
        let (offset, rest) = rest.split_first_chunk::<8>()?;
        let voted_video = Uuid::from_slice(rest).ok()?;
        Some(TokenPayload {
            awaited: AwaitedEvent {
                event_id: EventId(Uuid::from_bytes(*event_id)),
                voted_video: (!voted_video.is_nil()).then_some(VideoId(voted_video)),
            },
            position: Position {
                partition: u32::from_be_bytes(*partition),
                offset: u64::from_be_bytes(*offset),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issue(key: &TokenKey, voted_video: Option<VideoId>) -> (String, TokenPayload) {
        let position = Position { partition: 7, offset: u64::MAX - 1 };
        let event_id = EventId(Uuid::from_u128(42));
        let payload = TokenPayload { awaited: AwaitedEvent { event_id, voted_video }, position };
        (key.issue(event_id, position, voted_video).to_string(), payload)
    }

    #[test]
    fn a_token_reads_back() {
        let key = TokenKey::derive(b"secret");
        for voted_video in [None, Some(VideoId(Uuid::from_u128(3)))] {
            let (token, payload) = issue(&key, voted_video);
            assert_eq!(key.read(&token), Some(payload));
        }
    }

    #[test]
    fn a_forged_token_is_refused() {
        let key = TokenKey::derive(b"secret");
        let (token, _) = issue(&key, None);
        assert_eq!(TokenKey::derive(b"another").read(&token), None);
        assert_eq!(key.read(""), None);
        assert_eq!(key.read(&token[1..]), None);
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for index in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[index] ^= 1;
            assert_eq!(key.read(&URL_SAFE_NO_PAD.encode(forged)), None, "byte {index}");
        }
    }
}
