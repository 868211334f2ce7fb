//! `GET /media/{key}`: files of the local store, for whoever has a signed URL.

use std::io;
use std::time::{Duration, SystemTime};

use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use infra::object_storage::{ObjectKey, ObjectStorage, StorageError, content_type_of};
use serde::Deserialize;
use tower_http::services::ServeFile;

use crate::app::Shared;
use crate::error::ApiError;

/// How long a URL in an answer works.
pub(crate) const URL_VALID_FOR: Duration = Duration::from_secs(60 * 60);

/// A URL under which the object `key` can be read for `valid_for`.
pub(crate) async fn signed_url(
    storage: &dyn ObjectStorage,
    key: &str,
    valid_for: Duration,
) -> Result<String, ApiError> {
    let key =
        ObjectKey::parse(key).ok_or_else(|| ApiError::Internal(format!("`{key}` is no key")))?;
    storage.url(&key, valid_for).await.map_err(|error| match error {
        StorageError::NotFound(_) | StorageError::Body(_) => ApiError::Internal(error.to_string()),
        StorageError::Unavailable(cause) => ApiError::Unavailable(cause.to_string()),
    })
}

/// The same for an object that there may not be.
pub(crate) async fn signed_url_if_any(
    storage: &dyn ObjectStorage,
    key: Option<&str>,
    valid_for: Duration,
) -> Result<Option<String>, ApiError> {
    match key {
        Some(key) => signed_url(storage, key, valid_for).await.map(Some),
        None => Ok(None),
    }
}

/// What makes a URL a signed one.
#[derive(Deserialize)]
pub(crate) struct Signed {
    expires: u64,
    signature: String,
}

pub(crate) async fn media(State(state): State<Shared>, request: Request) -> Response {
    match serve(&state, request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn serve(state: &Shared, mut request: Request) -> Result<Response, ApiError> {
    use axum::RequestExt;
    let media = state.app.media.as_ref().ok_or(ApiError::RouteUnknown)?;
    let Path(text) =
        request.extract_parts::<Path<String>>().await.map_err(|_| ApiError::MediaForbidden)?;
    let Query(Signed { expires, signature }) =
        Query::try_from_uri(request.uri()).map_err(|_| ApiError::MediaForbidden)?;
    let file = media
        .verify(&text, expires, &signature, SystemTime::now().into())
        .map_err(|_| ApiError::MediaForbidden)?;
    let key = ObjectKey::parse(&text).ok_or(ApiError::MediaForbidden)?;

    let served = ServeFile::new(file).try_call(request).await;
    let response = served.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ApiError::MediaGone,
        _ => ApiError::Unavailable(error.to_string()),
    })?;
    if response.status() == StatusCode::NOT_FOUND {
        return Err(ApiError::MediaGone);
    }
    let mut response = response.map(axum::body::Body::new);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type_of(&key)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
    Ok(response)
}
