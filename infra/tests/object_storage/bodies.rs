//! Bodies whose bytes depend on a seed, so that tests detect a mixed-up or truncated object.

use std::io;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use infra::object_storage::ByteStream;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

const CHUNK: usize = 64 * 1024;

/// `length` bytes of `seed`.
pub(crate) fn bytes(seed: u64, length: usize) -> Bytes {
    // splitmix64: no two seeds share a run of bytes.
    let word = |index: usize| {
        let mut z = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ index as u64;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)).to_le_bytes()
    };
    let mut all: Vec<u8> = (0..length.div_ceil(8)).flat_map(word).collect();
    all.truncate(length);
    all.into()
}

fn chunks(all: Bytes) -> impl Iterator<Item = io::Result<Bytes>> {
    let count = all.len().div_ceil(CHUNK);
    (0..count).map(move |i| Ok(all.slice(i * CHUNK..all.len().min((i + 1) * CHUNK))))
}

/// A body without a fault.
pub(crate) fn whole(all: Bytes) -> ByteStream {
    stream::iter(chunks(all)).boxed()
}

/// A body that fails after `all`.
pub(crate) fn broken_after(all: Bytes) -> ByteStream {
    let broken = Err(io::Error::new(io::ErrorKind::ConnectionReset, "the sender went away"));
    stream::iter(chunks(all).chain([broken])).boxed()
}

/// A body that stalls after `all` and notifies the test then.
pub(crate) fn silent_after(all: Bytes) -> (ByteStream, oneshot::Receiver<()>) {
    let (reached, waiting) = oneshot::channel();
    let silence = stream::once(async move {
        let _ = reached.send(());
        std::future::pending().await
    });
    (stream::iter(chunks(all)).chain(silence).boxed(), waiting)
}

/// Size and SHA-256 of a body read to its end.
pub(crate) async fn digest(body: ByteStream) -> (usize, String) {
    let folded = body.try_fold((0, Sha256::new()), |(size, hash), chunk| async move {
        Ok((size + chunk.len(), hash.chain_update(&chunk)))
    });
    let (size, hash) = folded.await.unwrap();
    (size, hex::encode(hash.finalize()))
}

/// The result of [`digest`] for `all`.
pub(crate) fn digest_of(all: &[u8]) -> (usize, String) {
    (all.len(), hex::encode(Sha256::digest(all)))
}
