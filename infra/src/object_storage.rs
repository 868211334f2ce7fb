//! Object storage: originals, finished videos and posters.
//!
//! Adapters: `local` (a folder, the embedded default) and `s3`. The contract tests in
//! `infra/tests/object_storage/` run against both.

mod content_type;
pub mod local;
mod object_key;
mod partial;
pub mod s3;

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use domain::Timestamp;
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;

use crate::cause::{Cause, cause};

pub use content_type::content_type_of;
pub use object_key::ObjectKey;

/// Signed URLs start or expire at a multiple of this. So an object keeps its URL for a while, and caches
/// recognise it.
const EXPIRY_STEP: Duration = Duration::from_secs(300);

/// The bytes of an object, chunk by chunk.
pub type ByteStream = BoxStream<'static, std::io::Result<Bytes>>;

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key.
    pub key: ObjectKey,
    /// Size in bytes.
    pub bytes: u64,
    /// When it was written.
    pub modified_at: Timestamp,
}

/// The store.
#[async_trait]
pub trait ObjectStorage: Send + Sync + 'static {
    /// Writes an object, whole or not at all. If `body` fails, or writing fails, or the call is dropped,
    /// no object remains; [`Self::sweep_partial`] removes leftovers. Memory does not depend on the size.
    /// Returns the number of bytes written.
    ///
    /// # Errors
    /// [`StorageError::Body`] if `body` failed.
    async fn put(
        &self,
        key: &ObjectKey,
        content_type: &str,
        body: ByteStream,
    ) -> Result<u64, StorageError>;

    /// Reads an object from its start.
    async fn get(&self, key: &ObjectKey) -> Result<ByteStream, StorageError>;

    /// Removes an object. It is no error if the object does not exist.
    async fn delete(&self, key: &ObjectKey) -> Result<(), StorageError>;

    /// Removes all objects whose key starts with `prefix`.
    async fn delete_all(&self, prefix: &str) -> Result<(), StorageError> {
        let mut objects = self.list(prefix).await?;
        while let Some(object) = objects.try_next().await? {
            self.delete(&object.key).await?;
        }
        Ok(())
    }

    /// A URL that needs no other credentials for `valid_for`. It answers `Range` requests and has the
    /// media type of the object.
    async fn url(&self, key: &ObjectKey, valid_for: Duration) -> Result<String, StorageError>;

    /// All objects whose key starts with `prefix`, in no particular order.
    async fn list(
        &self,
        prefix: &str,
    ) -> Result<BoxStream<'static, Result<ObjectInfo, StorageError>>, StorageError>;

    /// Removes leftovers of interrupted writes that are older than `older_than`: partial files and
    /// multipart uploads. Returns how many.
    async fn sweep_partial(&self, older_than: Duration) -> Result<u64, StorageError>;

    /// Checks that the store can be used now; for the readiness check.
    async fn check(&self) -> Result<(), StorageError>;
}

/// Why an operation of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no such object.
    #[error("no object `{0}`")]
    NotFound(ObjectKey),
    /// The stream of bytes to write failed. The store works.
    #[error("the body failed: {0}")]
    Body(#[source] std::io::Error),
    /// The store cannot be reached, is full, or rejects the request.
    #[error("object storage is unavailable: {0}")]
    Unavailable(#[source] Cause),
}

impl StorageError {
    /// The store cannot do it now, for this reason.
    pub fn unavailable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause(error))
    }
}
