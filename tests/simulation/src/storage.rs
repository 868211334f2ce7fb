//! The simulated object storage: which objects there are.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use infra::object_storage::{ByteStream, ObjectInfo, ObjectKey, ObjectStorage, StorageError};

/// The objects, as one process sees them.
#[derive(Default)]
pub(crate) struct SimStorage {
    objects: Arc<Mutex<BTreeSet<String>>>,
    gone: AtomicBool,
}

impl SimStorage {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The same objects for another process.
    pub(crate) fn elsewhere(&self) -> Arc<Self> {
        Arc::new(Self { objects: Arc::clone(&self.objects), gone: AtomicBool::new(false) })
    }

    /// The process is dead: what its destructors still do in here reaches nobody.
    pub(crate) fn cut(&self) {
        self.gone.store(true, Ordering::Relaxed);
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
        if !self.gone.load(Ordering::Relaxed) {
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
