//! Object storage that a test can switch off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use infra::object_storage::local::LocalStorage;
use infra::object_storage::{ByteStream, ObjectInfo, ObjectKey, ObjectStorage, StorageError};

use crate::fail_point::{FailPoint, FailPoints};

/// Storage in a folder. While `unavailable` is set, every call fails.
pub(crate) struct FlakyStorage {
    pub(crate) local: LocalStorage,
    pub(crate) unavailable: AtomicBool,
    pub(crate) fail_points: Arc<FailPoints>,
}

impl FlakyStorage {
    fn available(&self) -> Result<&LocalStorage, StorageError> {
        match self.unavailable.load(SeqCst) {
            true => Err(StorageError::unavailable("unavailable")),
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
        let (fail_points, is_video) = (Arc::clone(&self.fail_points), kind.starts_with("video/"));
        let body = body.then(move |chunk| {
            let (fail_points, is_video) = (Arc::clone(&fail_points), is_video);
            async move {
                if is_video {
                    fail_points.reach(FailPoint::Upload).await;
                }
                chunk
            }
        });
        self.available()?.put(key, kind, body.boxed()).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<ByteStream, StorageError> {
        self.fail_points.reach(FailPoint::Claimed).await;
        self.available()?.get(key).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StorageError> {
        self.available()?.delete(key).await
    }

    async fn url(&self, key: &ObjectKey, valid_for: Duration) -> Result<String, StorageError> {
        self.available()?.url(key, valid_for).await
    }

    async fn list(
        &self,
        prefix: &str,
    ) -> Result<BoxStream<'static, Result<ObjectInfo, StorageError>>, StorageError> {
        self.available()?.list(prefix).await
    }

    async fn sweep_partial(&self, older_than: Duration) -> Result<u64, StorageError> {
        self.available()?.sweep_partial(older_than).await
    }

    async fn check(&self) -> Result<(), StorageError> {
        self.available()?.check().await
    }
}
