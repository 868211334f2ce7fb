//! The video that a path names.

use axum::extract::{FromRequestParts, Path};
use domain::VideoId;
use http::request::Parts;

use crate::error::ApiError;

/// The id in the path, in any spelling of a UUID; `None` if it is no UUID, and therefore no video's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VideoPath(Option<VideoId>);

impl VideoPath {
    /// The id, or what is to be said of a video that does not exist.
    pub(crate) fn or(self, unknown: ApiError) -> Result<VideoId, ApiError> {
        self.0.ok_or(unknown)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for VideoPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        // Fails if the path is no UTF-8, which no id is either.
        let text = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(text.ok().and_then(|Path(text)| text.parse().ok())))
    }
}
