//! Storing an original: sniffed, hashed and counted on its way to storage, never held in memory.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use domain::container::{SNIFFED_BYTES, VideoContainer};
use futures_util::{StreamExt, TryStreamExt, stream};
use infra::object_storage::{ByteStream, ObjectKey, ObjectStorage, StorageError};
use uuid::Uuid;

use crate::body_meter::{BodyEnd, BodyMeter};
use crate::commands::Commands;
use crate::error::StoreOriginalError;

/// An original in storage that no event names yet. Dropping it removes the object, unless it is kept.
pub struct StoredOriginal {
    storage: Arc<dyn ObjectStorage>,
    key: ObjectKey,
    facts: OriginalFacts,
    keep: bool,
}

/// What is known about a stored original.
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

    /// Keeps the object even if the request is dropped, because an event may name it from now on.
    pub(crate) fn keep(&mut self) {
        self.keep = true;
    }

    /// Removes the object: no event will ever name it.
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
                tracing::warn!(%key, %error, "an unused original is left to the sweep");
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
        let container = VideoContainer::sniff(&head).ok_or(StoreOriginalError::NotAVideo)?;
        let key = new_key(container)?;
        let meter = BodyMeter::of_original(max);
        let metered = meter.clone().wrap(stream::iter([Ok(head)]).chain(rest).boxed());
        let storage = &self.inner.dependencies.storage;
        let stored = storage.put(&key, container.content_type(), metered).await;
        let bytes = stored.map_err(|error| match (error, meter.end()) {
            (StorageError::Body(_), BodyEnd::Overrun) => StoreOriginalError::TooLarge { max },
            (StorageError::Body(error), _) => StoreOriginalError::Body(error),
            (error, _) => StoreOriginalError::Storage(error),
        })?;
        #[expect(clippy::expect_used, reason = "the meter of an original computes SHA-256")]
        let sha256 = meter.sha256().expect("a SHA-256");
        let facts = OriginalFacts { bytes, sha256, content_type: container.content_type() };
        Ok(StoredOriginal { storage: Arc::clone(storage), key, facts, keep: false })
    }
}

/// Every attempt gets a key of its own, so the object of a failed attempt can simply be removed.
fn new_key(container: VideoContainer) -> Result<ObjectKey, StoreOriginalError> {
    let text = format!("originals/{}.{}", Uuid::new_v4(), container.extension());
    ObjectKey::parse(&text).ok_or_else(|| {
        StoreOriginalError::Storage(StorageError::unavailable(format!("`{text}` is no key")))
    })
}

/// The first bytes, enough to sniff, and the rest of the stream.
async fn read_head(mut body: ByteStream) -> io::Result<(Bytes, ByteStream)> {
    let mut head = BytesMut::new();
    while head.len() < SNIFFED_BYTES {
        let Some(chunk) = body.try_next().await? else { break };
        head.extend_from_slice(&chunk);
    }
    Ok((head.freeze(), body))
}
