//! The simulated object storage: the set of its keys.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use infra::object_storage::{ByteStream, ObjectInfo, ObjectKey, ObjectStorage, StorageError};

/// One process' connection to the object storage.
#[derive(Default)]
pub(crate) struct SimStorage {
    objects: Arc<Mutex<BTreeSet<String>>>,
    disconnected: AtomicBool,
}

impl SimStorage {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A connection of another process to the same objects.
    pub(crate) fn connect(&self) -> Arc<Self> {
        Arc::new(Self { objects: Arc::clone(&self.objects), disconnected: AtomicBool::new(false) })
    }

    /// Disconnects a crashed process, so that its destructors change nothing any more.
    pub(crate) fn disconnect(&self) {
        self.disconnected.store(true, Ordering::Relaxed);
    }

    pub(crate) fn objects(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ObjectStorage for SimStorage {
    async fn put(
        &self,
        key: &ObjectKey,
        _content_type: &str,
        mut body: ByteStream,
    ) -> Result<u64, StorageError> {
        let mut bytes = 0;
        while let Some(chunk) = body.try_next().await.map_err(StorageError::Body)? {
            bytes += chunk.len() as u64;
        }
        self.objects().insert(key.to_string());
        Ok(bytes)
    }

    async fn get(&self, key: &ObjectKey) -> Result<ByteStream, StorageError> {
        Err(StorageError::NotFound(key.clone()))
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StorageError> {
        if !self.disconnected.load(Ordering::Relaxed) {
            self.objects().remove(key.as_str());
        }
        Ok(())
    }

    async fn url(&self, key: &ObjectKey, _valid_for: Duration) -> Result<String, StorageError> {
        Ok(key.to_string())
    }

    async fn list(
        &self,
        _prefix: &str,
    ) -> Result<BoxStream<'static, Result<ObjectInfo, StorageError>>, StorageError> {
        Ok(stream::empty().boxed())
    }

    async fn sweep_partial(&self, _older_than: Duration) -> Result<u64, StorageError> {
        Ok(0)
    }

    async fn check(&self) -> Result<(), StorageError> {
        Ok(())
    }
}
