//! Taking in an original: sniffed, hashed and counted on its way to storage, never held in memory.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use infra::object_storage::{ByteStream, ObjectKey, ObjectStorage, StorageError};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::sniff::{self, VideoContainer};
use crate::{Commands, StoreOriginalError};

/// An original in storage that no event speaks of yet. Dropped unused, it is removed.
pub struct StoredOriginal {
    storage: Arc<dyn ObjectStorage>,
    key: ObjectKey,
    facts: OriginalFacts,
    keep: bool,
}

/// What was learned on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OriginalFacts {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    pub(crate) content_type: &'static str,
}

impl StoredOriginal {
    pub(crate) fn key(&self) -> &ObjectKey {
        &self.key
    }

    pub(crate) fn facts(&self) -> &OriginalFacts {
        &self.facts
    }

    /// An event may speak of it from now on: it stays, also if the request is dropped at any point.
    pub(crate) fn keep(&mut self) {
        self.keep = true;
    }

    /// It is certain that no event will ever need it.
    pub(crate) fn discard(mut self) {
        self.keep = false;
    }
}

impl Drop for StoredOriginal {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        let (storage, key) = (Arc::clone(&self.storage), self.key.clone());
        // Without a runtime the process is going down; the sweep removes the object later.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(error) = storage.delete(&key).await {
                tracing::warn!(%key, %error, "an unused original remains for the sweep");
            }
        });
    }
}

impl Commands {
    /// Streams an original of at most `max` bytes into storage.
    ///
    /// # Errors
    /// [`StoreOriginalError`]; nothing remains in storage then.
    pub async fn store_original(
        &self,
        body: ByteStream,
        max: u64,
    ) -> Result<StoredOriginal, StoreOriginalError> {
        let (head, rest) = read_head(body).await.map_err(StoreOriginalError::Body)?;
        let container = sniff::sniff(&head).ok_or(StoreOriginalError::NotAVideo)?;
        let key = new_key(container)?;
        let meter = Arc::new(Meter::new(max));
        let metered = meter.clone().wrap(stream::iter([Ok(head)]).chain(rest).boxed());
        let storage = &self.inner.parts.storage;
        let bytes = storage.put(&key, container.content_type(), metered).await.map_err(
            |error| match error {
                StorageError::Body(_) if meter.overrun() => StoreOriginalError::TooLarge { max },
                StorageError::Body(error) => StoreOriginalError::Body(error),
                error => StoreOriginalError::Storage(error),
            },
        )?;
        let facts =
            OriginalFacts { bytes, sha256: meter.digest(), content_type: container.content_type() };
        Ok(StoredOriginal { storage: Arc::clone(storage), key, facts, keep: false })
    }
}

/// Every attempt gets a key of its own, so that a failed one can be removed without a thought.
fn new_key(container: VideoContainer) -> Result<ObjectKey, StoreOriginalError> {
    let text = format!("originals/{}.{}", Uuid::new_v4(), container.extension());
    ObjectKey::parse(&text).ok_or_else(|| {
        StoreOriginalError::Storage(StorageError::Unavailable(format!("`{text}` is no key")))
    })
}

/// The first bytes, enough to sniff, and the rest of the stream.
async fn read_head(mut body: ByteStream) -> io::Result<(Bytes, ByteStream)> {
    let mut head = BytesMut::new();
    while head.len() < sniff::NEEDED {
        let Some(chunk) = body.try_next().await? else { break };
        head.extend_from_slice(&chunk);
    }
    Ok((head.freeze(), body))
}

/// Counts and hashes what flows through, and cuts the flow once it exceeds the limit.
struct Meter {
    max: u64,
    seen: Mutex<(u64, Sha256)>,
    overrun: AtomicBool,
}

impl Meter {
    fn new(max: u64) -> Self {
        Self { max, seen: Mutex::new((0, Sha256::new())), overrun: AtomicBool::new(false) }
    }

    fn wrap(self: Arc<Self>, body: ByteStream) -> ByteStream {
        body.and_then(move |chunk| std::future::ready(self.pass(chunk))).boxed()
    }

    fn pass(&self, chunk: Bytes) -> io::Result<Bytes> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.0 += chunk.len() as u64;
        if seen.0 > self.max {
            self.overrun.store(true, Ordering::Relaxed);
            return Err(io::Error::other("the file is too large"));
        }
        seen.1.update(&chunk);
        Ok(chunk)
    }

    fn overrun(&self) -> bool {
        self.overrun.load(Ordering::Relaxed)
    }

    fn digest(&self) -> String {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.1.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
