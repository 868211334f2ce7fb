//! Object storage that fails when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use infra::object_storage::local::LocalStorage;
use infra::object_storage::{ByteStream, ObjectInfo, ObjectKey, ObjectStorage, StorageError};

use crate::fail_point::{FailPoint, FailPoints};

/// A folder that can be away.
pub(crate) struct FlakyStorage {
    pub(crate) local: LocalStorage,
    pub(crate) away: AtomicBool,
    pub(crate) fail_points: Arc<FailPoints>,
}

impl FlakyStorage {
    fn there(&self) -> Result<&LocalStorage, StorageError> {
        match self.away.load(SeqCst) {
            true => Err(StorageError::unavailable("away")),
            false => Ok(&self.local),
        }
    }
}

#[async_trait]
impl ObjectStorage for FlakyStorage {
    async fn put(
        &self,
        key: &ObjectKey,
        kind: &str,
        body: ByteStream,
    ) -> Result<u64, StorageError> {
        let (fail_points, kind_is_film) =
            (Arc::clone(&self.fail_points), kind.starts_with("video/"));
        let body = body.then(move |chunk| {
            let (fail_points, film) = (Arc::clone(&fail_points), kind_is_film);
            async move {
                if film {
                    fail_points.reach(FailPoint::Upload).await;
                }
                chunk
            }
        });
        self.there()?.put(key, kind, body.boxed()).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<ByteStream, StorageError> {
        self.fail_points.reach(FailPoint::Claimed).await;
        self.there()?.get(key).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StorageError> {
        self.there()?.delete(key).await
    }

    async fn url(&self, key: &ObjectKey, valid_for: Duration) -> Result<String, StorageError> {
        self.there()?.url(key, valid_for).await
    }

    async fn list(
        &self,
        prefix: &str,
    ) -> Result<BoxStream<'static, Result<ObjectInfo, StorageError>>, StorageError> {
        self.there()?.list(prefix).await
    }

    async fn sweep_partial(&self, older_than: Duration) -> Result<u64, StorageError> {
        self.there()?.sweep_partial(older_than).await
    }

    async fn check(&self) -> Result<(), StorageError> {
        self.there()?.check().await
    }
}
