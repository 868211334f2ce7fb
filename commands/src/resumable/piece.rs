//! One piece on its way to storage: counted, checked, and kept as far as it comes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt, stream};
use infra::object_storage::{ByteStream, ObjectKey, ObjectStorage, StorageError};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{ResumableError, ResumableUpload};
use crate::CommandError;

/// Bytes that a client sends.
pub struct Piece {
    /// Where they begin.
    pub offset: u64,
    /// How many they will be, if the client says so.
    pub declared: Option<u64>,
    /// What they must come to; then they are kept whole or not at all.
    pub checksum: Option<Checksum>,
    /// The bytes.
    pub body: ByteStream,
}

/// What a piece must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// By SHA-1.
    Sha1([u8; 20]),
    /// By SHA-256.
    Sha256([u8; 32]),
}

/// What was kept of a piece.
pub(super) struct StoredPiece {
    /// The object and its size; none if nothing came.
    pub(super) object: Option<(ObjectKey, u64)>,
    /// It broke off.
    pub(super) cut: bool,
}

/// Stores what comes of a piece. Each one has a key of its own: another one that begins at the same
/// byte is another object.
pub(super) async fn store(
    storage: &dyn ObjectStorage,
    upload: &ResumableUpload,
    piece: Piece,
) -> Result<StoredPiece, ResumableError> {
    let text = format!("uploads/{}-{}-{}", upload.id, piece.offset, Uuid::new_v4().simple());
    let key = ObjectKey::parse(&text)
        .ok_or_else(|| CommandError::Internal(format!("`{text}` is no key")))?;
    let meter = Arc::new(Meter::new(upload.room(), piece.checksum));
    let mut body = meter.clone().wrap(piece.body).peekable();
    if Pin::new(&mut body).peek().await.is_none() {
        return Ok(StoredPiece { object: None, cut: meter.seen().end == End::Cut });
    }
    match storage.put(&key, "application/octet-stream", body.boxed()).await {
        Ok(bytes) => {
            Ok(StoredPiece { object: Some((key, bytes)), cut: meter.seen().end == End::Cut })
        }
        Err(StorageError::Body(error)) => Err(match meter.seen().end {
            End::Overrun => ResumableError::TooLarge,
            End::Mismatch => ResumableError::ChecksumMismatch,
            End::Whole | End::Cut => CommandError::Internal(error.to_string()).into(),
        }),
        Err(error) => Err(CommandError::Unavailable(error.to_string()).into()),
    }
}

/// Counts and hashes what flows through, and decides how it ends.
struct Meter {
    room: u64,
    seen: Mutex<Seen>,
}

struct Seen {
    bytes: u64,
    hash: Option<Hash>,
    end: End,
}

/// How a piece ended, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Whole,
    Cut,
    Overrun,
    Mismatch,
}

impl Meter {
    fn new(room: u64, checksum: Option<Checksum>) -> Self {
        let seen = Seen { bytes: 0, hash: checksum.map(Hash::of), end: End::Whole };
        Self { room, seen: Mutex::new(seen) }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same bytes. A stream that breaks off ends well here, because what has come is worth
    /// keeping; one that comes to something wrong fails, so that nothing of it is stored.
    fn wrap(self: Arc<Self>, body: ByteStream) -> ByteStream {
        let next = move |body: Option<ByteStream>| {
            let meter = Arc::clone(&self);
            async move {
                let mut body = body?;
                let passed = match body.next().await {
                    Some(Ok(chunk)) => meter.seen().pass(&chunk, meter.room).map(|()| Some(chunk)),
                    Some(Err(_)) => meter.seen().finish(End::Cut).map(|()| None),
                    None => meter.seen().finish(End::Whole).map(|()| None),
                };
                match passed.transpose()? {
                    Ok(chunk) => Some((Ok(chunk), Some(body))),
                    Err(error) => Some((Err(error), None)),
                }
            }
        };
        stream::unfold(Some(body), next).boxed()
    }
}

impl Seen {
    fn pass(&mut self, chunk: &[u8], room: u64) -> io::Result<()> {
        self.bytes += chunk.len() as u64;
        if self.bytes > room {
            self.end = End::Overrun;
            return Err(io::Error::other("more than was announced"));
        }
        if let Some(hash) = &mut self.hash {
            hash.update(chunk);
        }
        Ok(())
    }

    fn finish(&mut self, end: End) -> io::Result<()> {
        self.end = end;
        if self.hash.take().is_none_or(Hash::comes_out) {
            return Ok(());
        }
        self.end = End::Mismatch;
        Err(io::Error::other("not what the checksum says"))
    }
}

/// A hash under way, and what it must come to.
enum Hash {
    Sha1(Sha1, [u8; 20]),
    Sha256(Sha256, [u8; 32]),
}

impl Hash {
    fn of(checksum: Checksum) -> Self {
        match checksum {
            Checksum::Sha1(expected) => Self::Sha1(Sha1::new(), expected),
            Checksum::Sha256(expected) => Self::Sha256(Sha256::new(), expected),
        }
    }

    fn update(&mut self, chunk: &[u8]) {
        match self {
            Self::Sha1(hasher, _) => hasher.update(chunk),
            Self::Sha256(hasher, _) => hasher.update(chunk),
        }
    }

    fn comes_out(self) -> bool {
        match self {
            Self::Sha1(hasher, expected) => hasher.finalize()[..] == expected,
            Self::Sha256(hasher, expected) => hasher.finalize()[..] == expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures_util::TryStreamExt;

    fn body(chunks: &[&'static str], cut: bool) -> ByteStream {
        let end = cut.then(|| Err(io::Error::other("cut")));
        let chunks = chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes())));
        stream::iter(chunks.chain(end).collect::<Vec<_>>()).boxed()
    }

    /// What is stored of it, if anything, and how it ended.
    async fn passed(
        room: u64,
        checksum: Option<Checksum>,
        body: ByteStream,
    ) -> (Option<String>, End) {
        let meter = Arc::new(Meter::new(room, checksum));
        let stored: io::Result<Vec<Bytes>> = meter.clone().wrap(body).try_collect().await;
        let text = stored.ok().map(|chunks| String::from_utf8(chunks.concat()).unwrap());
        let end = meter.seen().end;
        (text, end)
    }

    #[tokio::test]
    async fn what_comes_is_kept_up_to_a_cut_and_never_beyond_the_room() {
        let both = ["uno", "dos"];
        assert_eq!(passed(6, None, body(&both, false)).await, (Some("unodos".into()), End::Whole));
        assert_eq!(passed(9, None, body(&both, true)).await, (Some("unodos".into()), End::Cut));
        assert_eq!(passed(9, None, body(&[], true)).await, (Some(String::new()), End::Cut));
        assert_eq!(passed(5, None, body(&both, false)).await, (None, End::Overrun));
    }

    #[tokio::test]
    async fn what_has_a_checksum_is_kept_whole_or_not_at_all() {
        let sha1 = Checksum::Sha1(Sha1::digest("unodos").into());
        let sha256 = Checksum::Sha256(Sha256::digest("unodos").into());
        for checksum in [sha1, sha256] {
            let all = passed(6, Some(checksum), body(&["uno", "dos"], false)).await;
            assert_eq!(all, (Some("unodos".into()), End::Whole));
            for (part, cut) in [(&["uno"][..], true), (&["uno", "tres"], false), (&[], false)] {
                let part = passed(9, Some(checksum), body(part, cut)).await;
                assert_eq!(part, (None, End::Mismatch));
            }
        }
    }
}
