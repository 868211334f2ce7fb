//! The id that a path names.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use domain::{AccountId, VideoId};
use http::request::Parts;

use crate::error::ApiError;

/// The id in the path, in any spelling of a UUID; `None` if it is not a UUID.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathId<Id>(Option<Id>);

/// The id of a video in the path.
pub(crate) type VideoPath = PathId<VideoId>;
/// The id of an artist in the path.
pub(crate) type ArtistPath = PathId<AccountId>;

impl<Id> PathId<Id> {
    /// The id, or `unknown`: what does not have the form of an id does not exist.
    pub(crate) fn or(self, unknown: impl Into<ApiError>) -> Result<Id, ApiError> {
        self.0.ok_or_else(|| unknown.into())
    }
}

impl<S: Send + Sync, Id: FromStr> FromRequestParts<S> for PathId<Id> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        // Fails if the path is not UTF-8; then it is not an id either.
        let text = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(text.ok().and_then(|Path(text)| text.parse().ok())))
    }
}
