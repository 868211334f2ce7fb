//! Command tokens: with one, a client asks later for the verdict of a command.
//!
//! A token has 77 fixed bytes. A JWT would be three times as long, with claims to validate.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AccountId, EventId, Position, VideoId};
use hmac::{Hmac, KeyInit, Mac};
use ports::verdicts::{AwaitedEvent, EffectRow};
use sha2::Sha256;
use uuid::Uuid;

/// Event id, partition, offset, kind of the effect row, its ids.
const PAYLOAD_BYTES: usize = 16 + 4 + 8 + 1 + 16 + 16;
/// HMAC-SHA-256, truncated to 128 bits (RFC 2104, section 5).
const TAG_BYTES: usize = 16;

const ACCOUNT: u8 = 1;
const VIDEO: u8 = 2;
const VOTE: u8 = 3;

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
        derivation.update(b"anb command token v2");
        let key = derivation.finalize().into_bytes();
        Self(<Hmac<Sha256> as KeyInit>::new_from_slice(&key).expect("a key"))
    }

    pub(crate) fn issue(&self, payload: TokenPayload) -> CommandToken {
        let TokenPayload { awaited, position } = payload;
        let (kind, first, second) = match awaited.effect {
            EffectRow::Account(account) => (ACCOUNT, account.0, Uuid::nil()),
            EffectRow::Video(video) => (VIDEO, video.0, Uuid::nil()),
            EffectRow::Vote(video, voter) => (VOTE, video.0, voter.0),
        };
        let mut bytes = Vec::with_capacity(PAYLOAD_BYTES + TAG_BYTES);
        bytes.extend_from_slice(awaited.event_id.0.as_bytes());
        bytes.extend_from_slice(&position.partition.to_be_bytes());
        bytes.extend_from_slice(&position.offset.to_be_bytes());
        bytes.push(kind);
        bytes.extend_from_slice(first.as_bytes());
        bytes.extend_from_slice(second.as_bytes());
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
        let (kind, rest) = rest.split_first()?;
        let (first, second) = rest.split_first_chunk::<16>()?;
        let (first, second) = (Uuid::from_bytes(*first), Uuid::from_slice(second).ok()?);
        let effect = match *kind {
            ACCOUNT => EffectRow::Account(AccountId(first)),
            VIDEO => EffectRow::Video(VideoId(first)),
            VOTE => EffectRow::Vote(VideoId(first), AccountId(second)),
            _ => return None,
        };
        Some(TokenPayload {
            awaited: AwaitedEvent { event_id: EventId(Uuid::from_bytes(*event_id)), effect },
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

    fn payload(effect: EffectRow) -> TokenPayload {
        let position = Position { partition: 7, offset: u64::MAX - 1 };
        let event_id = EventId(Uuid::from_u128(42));
        TokenPayload { awaited: AwaitedEvent { event_id, effect }, position }
    }

    #[test]
    fn a_token_reads_back() {
        let key = TokenKey::derive(b"secret");
        let (account, video) = (AccountId(Uuid::from_u128(3)), VideoId(Uuid::from_u128(4)));
        for effect in
            [EffectRow::Account(account), EffectRow::Video(video), EffectRow::Vote(video, account)]
        {
            let payload = payload(effect);
            assert_eq!(key.read(&key.issue(payload).to_string()), Some(payload));
        }
    }

    #[test]
    fn a_forged_token_is_refused() {
        let key = TokenKey::derive(b"secret");
        let token = key.issue(payload(EffectRow::Video(VideoId(Uuid::nil())))).to_string();
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
