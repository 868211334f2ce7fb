//! The thing that a path names.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use domain::{AccountId, VideoId};
use http::request::Parts;

use crate::error::ApiError;

/// The id in the path, in any spelling of a UUID; `None` if it is no UUID, and therefore nobody's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathId<Id>(Option<Id>);

/// The video that a path names.
pub(crate) type VideoPath = PathId<VideoId>;
/// The artist whom a path names.
pub(crate) type ArtistPath = PathId<AccountId>;

impl<Id> PathId<Id> {
    /// The id, or what is to be said of something that does not exist.
    pub(crate) fn or(self, unknown: ApiError) -> Result<Id, ApiError> {
        self.0.ok_or(unknown)
    }
}

impl<S: Send + Sync, Id: FromStr> FromRequestParts<S> for PathId<Id> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        // Fails if the path is no UTF-8, which no id is either.
        let text = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(text.ok().and_then(|Path(text)| text.parse().ok())))
    }
}
