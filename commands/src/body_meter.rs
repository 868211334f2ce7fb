//! The body of an upload on its way to storage: limited, hashed, and how it ended.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt, stream};
use infra::object_storage::ByteStream;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// What a body must hash to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// By SHA-1.
    Sha1([u8; 20]),
    /// By SHA-256.
    Sha256([u8; 32]),
}

/// What becomes of a body that breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// The stream fails, so that nothing is stored.
    Fails,
    /// The stream ends there, so that the bytes before it are stored.
    Ends,
}

/// How a body ended, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyEnd {
    Whole,
    Interrupted,
    /// It has more bytes than allowed.
    Overrun,
    /// It does not match its checksum.
    Mismatch,
}

/// Counts and hashes a body, and fails it when it exceeds its limit or does not match its checksum.
pub(crate) struct BodyMeter {
    limit: u64,
    checksum: Option<Checksum>,
    interruption: Interruption,
    seen: Mutex<Seen>,
}

struct Seen {
    bytes: u64,
    hash: Hash,
    end: BodyEnd,
}

enum Hash {
    None,
    Sha1(Sha1),
    Sha256(Sha256),
}

impl BodyMeter {
    /// A meter for an original: of at most `limit` bytes, hashed with SHA-256, stored whole or not.
    pub(crate) fn of_original(limit: u64) -> Arc<Self> {
        Self::new(limit, None, Hash::Sha256(Sha256::new()), Interruption::Fails)
    }

    /// A meter for a piece of at most `limit` bytes. With a checksum it is stored whole or not at all.
    pub(crate) fn of_piece(limit: u64, checksum: Option<Checksum>) -> Arc<Self> {
        let hash = match checksum {
            None => Hash::None,
            Some(Checksum::Sha1(_)) => Hash::Sha1(Sha1::new()),
            Some(Checksum::Sha256(_)) => Hash::Sha256(Sha256::new()),
        };
        Self::new(limit, checksum, hash, Interruption::Ends)
    }

    fn new(
        limit: u64,
        checksum: Option<Checksum>,
        hash: Hash,
        interruption: Interruption,
    ) -> Arc<Self> {
        let seen = Mutex::new(Seen { bytes: 0, hash, end: BodyEnd::Whole });
        Arc::new(Self { limit, checksum, interruption, seen })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the body ended.
    pub(crate) fn end(&self) -> BodyEnd {
        self.seen().end
    }

    /// The SHA-256 of what has passed, in hex; `None` if the meter does not compute it.
    pub(crate) fn sha256(&self) -> Option<String> {
        match &self.seen().hash {
            Hash::Sha256(hasher) => Some(hex::encode(hasher.clone().finalize())),
            Hash::None | Hash::Sha1(_) => None,
        }
    }

    /// The same bytes, metered.
    pub(crate) fn wrap(self: Arc<Self>, body: ByteStream) -> ByteStream {
        let next = move |body: Option<ByteStream>| {
            let meter = Arc::clone(&self);
            async move {
                let mut body = body?;
                let passed = match body.next().await {
                    Some(Ok(chunk)) => meter.pass(&chunk).map(|()| Some(chunk)),
                    Some(Err(error)) => meter.interrupt(error).map(|()| None),
                    None => meter.finish(BodyEnd::Whole).map(|()| None),
                };
                match passed.transpose()? {
                    Ok(chunk) => Some((Ok(chunk), Some(body))),
                    Err(error) => Some((Err(error), None)),
                }
            }
        };
        stream::unfold(Some(body), next).boxed()
    }

    fn pass(&self, chunk: &[u8]) -> io::Result<()> {
        let mut seen = self.seen();
        seen.bytes += chunk.len() as u64;
        if seen.bytes > self.limit {
            seen.end = BodyEnd::Overrun;
            return Err(io::Error::other("the body has more bytes than allowed"));
        }
        match &mut seen.hash {
            Hash::None => {}
            Hash::Sha1(hasher) => hasher.update(chunk),
            Hash::Sha256(hasher) => hasher.update(chunk),
        }
        Ok(())
    }

    fn interrupt(&self, error: io::Error) -> io::Result<()> {
        match self.interruption {
            Interruption::Fails => Err(error),
            Interruption::Ends => self.finish(BodyEnd::Interrupted),
        }
    }

    fn finish(&self, end: BodyEnd) -> io::Result<()> {
        let mut seen = self.seen();
        let matches = match (&seen.hash, self.checksum) {
            (Hash::Sha1(hasher), Some(Checksum::Sha1(expected))) => {
                hasher.clone().finalize()[..] == expected
            }
            (Hash::Sha256(hasher), Some(Checksum::Sha256(expected))) => {
                hasher.clone().finalize()[..] == expected
            }
            (_, None) => true,
            (_, Some(_)) => false,
        };
        if matches {
            seen.end = end;
            return Ok(());
        }
        seen.end = BodyEnd::Mismatch;
        Err(io::Error::other("the body does not match its checksum"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures_util::TryStreamExt;

    fn body(chunks: &[&'static str], interrupted: bool) -> ByteStream {
        let end = interrupted.then(|| Err(io::Error::other("interrupted")));
        let chunks = chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes())));
        stream::iter(chunks.chain(end).collect::<Vec<_>>()).boxed()
    }

    /// What is stored of the body, if anything, and how it ended.
    async fn metered(meter: Arc<BodyMeter>, body: ByteStream) -> (Option<String>, BodyEnd) {
        let stored: io::Result<Vec<Bytes>> = meter.clone().wrap(body).try_collect().await;
        let text = stored.ok().map(|chunks| String::from_utf8(chunks.concat()).unwrap());
        (text, meter.end())
    }

    #[tokio::test]
    async fn a_piece_is_stored_up_to_an_interruption_and_never_beyond_its_limit() {
        let both = ["uno", "dos"];
        let piece = |limit, body| metered(BodyMeter::of_piece(limit, None), body);
        assert_eq!(piece(6, body(&both, false)).await, (Some("unodos".into()), BodyEnd::Whole));
        let interrupted = (Some("unodos".into()), BodyEnd::Interrupted);
        assert_eq!(piece(9, body(&both, true)).await, interrupted);
        assert_eq!(piece(9, body(&[], true)).await, (Some(String::new()), BodyEnd::Interrupted));
        assert_eq!(piece(5, body(&both, false)).await, (None, BodyEnd::Overrun));
    }

    #[tokio::test]
    async fn a_piece_with_a_checksum_is_stored_whole_or_not_at_all() {
        let sha1 = Checksum::Sha1(Sha1::digest("unodos").into());
        let sha256 = Checksum::Sha256(Sha256::digest("unodos").into());
        for checksum in [sha1, sha256] {
            let meter = |limit| BodyMeter::of_piece(limit, Some(checksum));
            let all = metered(meter(6), body(&["uno", "dos"], false)).await;
            assert_eq!(all, (Some("unodos".into()), BodyEnd::Whole));
            for (part, cut) in [(&["uno"][..], true), (&["uno", "tres"], false), (&[], false)] {
                let part = metered(meter(9), body(part, cut)).await;
                assert_eq!(part, (None, BodyEnd::Mismatch));
            }
        }
    }

    #[tokio::test]
    async fn an_original_is_hashed_and_stored_whole_or_not_at_all() {
        let meter = BodyMeter::of_original(6);
        let all = metered(meter.clone(), body(&["uno", "dos"], false)).await;
        assert_eq!(all, (Some("unodos".into()), BodyEnd::Whole));
        assert_eq!(meter.sha256(), Some(hex::encode(Sha256::digest("unodos"))));
        let original = |limit, body| metered(BodyMeter::of_original(limit), body);
        assert_eq!(original(9, body(&["uno"], true)).await.0, None);
        assert_eq!(original(5, body(&["uno", "dos"], false)).await, (None, BodyEnd::Overrun));
    }
}
