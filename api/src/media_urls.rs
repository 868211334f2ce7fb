//! URLs under which clients read videos, posters and streams.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use domain::VideoId;
use infra::object_storage::{ObjectKey, ObjectStorage, StorageError};

use crate::error::ApiError;
use crate::state::{ApiState, PublicUrl};

/// How long a signed URL in a response is valid.
pub(crate) const SIGNED_URL_TTL: Duration = Duration::from_secs(60 * 60);

/// Makes URLs of stored objects.
#[derive(Clone)]
pub(crate) struct MediaUrls {
    storage: Arc<dyn ObjectStorage>,
    public_url: PublicUrl,
}

impl FromRef<ApiState> for MediaUrls {
    fn from_ref(state: &ApiState) -> Self {
        Self { storage: FromRef::from_ref(state), public_url: FromRef::from_ref(state) }
    }
}

impl MediaUrls {
    /// A URL that reads the object `key` for `ttl`.
    pub(crate) async fn signed(&self, key: &str, ttl: Duration) -> Result<String, ApiError> {
        let key = ObjectKey::parse(key)
            .ok_or_else(|| ApiError::internal(format!("`{key}` is not an object key")))?;
        self.storage.url(&key, ttl).await.map_err(|error| match error {
            StorageError::NotFound(_) | StorageError::Body(_) => ApiError::internal(error),
            StorageError::Unavailable(_) => ApiError::unavailable(error),
        })
    }

    /// The same for an object that may not exist.
    pub(crate) async fn signed_if_any(
        &self,
        key: Option<&str>,
        ttl: Duration,
    ) -> Result<Option<String>, ApiError> {
        match key {
            Some(key) => self.signed(key, ttl).await.map(Some),
            None => Ok(None),
        }
    }

    /// Where players find the adaptive stream of a video.
    pub(crate) fn hls(&self, video: VideoId) -> String {
        format!("{}{}", self.public_url.0, hls_path(video))
    }
}

/// The path of a video's adaptive stream.
pub(crate) fn hls_path(video: VideoId) -> String {
    format!("/api/public/videos/{video}/hls/master.m3u8")
}
