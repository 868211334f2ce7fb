//! `GET /media/{key}`: files of the local store, for clients with a signed URL.

use std::io;
use std::time::SystemTime;

use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use infra::object_storage::{ObjectKey, content_type_of};
use serde::Deserialize;
use tower_http::services::ServeFile;

use crate::error::{ApiError, MediaError, RequestError};
use crate::state::LocalMedia;

/// The query parameters of a signed URL.
#[derive(Deserialize)]
pub(crate) struct Signed {
    expires: u64,
    signature: String,
}

pub(crate) async fn media(State(media): State<LocalMedia>, request: Request) -> Response {
    match serve(media, request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn serve(LocalMedia(media): LocalMedia, mut request: Request) -> Result<Response, ApiError> {
    use axum::RequestExt;
    let media = media.ok_or(RequestError::RouteUnknown)?;
    let Path(text) =
        request.extract_parts::<Path<String>>().await.map_err(|_| MediaError::LinkInvalid)?;
    let Query(Signed { expires, signature }) =
        Query::try_from_uri(request.uri()).map_err(|_| MediaError::LinkInvalid)?;
    let file = media
        .verify(&text, expires, &signature, SystemTime::now().into())
        .map_err(|_| MediaError::LinkInvalid)?;
    let key = ObjectKey::parse(&text).ok_or(MediaError::LinkInvalid)?;

    let served = ServeFile::new(file).try_call(request).await;
    let response = served.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => MediaError::Gone.into(),
        _ => ApiError::unavailable(error),
    })?;
    if response.status() == StatusCode::NOT_FOUND {
        return Err(MediaError::Gone.into());
    }
    let mut response = response.map(axum::body::Body::new);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type_of(&key)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
    Ok(response)
}
