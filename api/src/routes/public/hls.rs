//! `GET /api/public/videos/{id}/hls/{list}`: the lists of a video's adaptive stream.
//!
//! A list names files relative to itself, and each needs a signed URL. So this endpoint serves the
//! lists with signed URLs in them, and the store serves the files.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::VideoId;
use domain::object_keys::hls_folder;
use futures_util::TryStreamExt;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use infra::object_storage::{ObjectKey, ObjectStorage, StorageError, content_type_of};
use projections::queries::Queries;

use crate::error::{ApiError, ErrorBody, VideoError};
use crate::media_urls::{MediaUrls, SIGNED_URL_TTL};

/// How long clients and shared caches may cache a list.
const LIST_TTL: Duration = Duration::from_secs(60);
const CACHE_LIST: &str = "public, max-age=60";
/// A longer list is a defect: the transcoder's take about 2,000 bytes.
const MAX_LIST_BYTES: usize = 64 * 1024;

/// A list of a published video's adaptive stream (HLS): `master.m3u8`, or one that this names.
#[utoipa::path(
    get, path = "/api/public/videos/{id}/hls/{list}", tag = "public",
    params(
        ("id" = uuid::Uuid, Path, description = "The video"),
        ("list" = String, Path, description = "`master.m3u8`, or what it names"),
    ),
    responses(
        (status = 200, body = String, content_type = "application/vnd.apple.mpegurl"),
        (status = 404, body = ErrorBody, description = "No such video, or it has no stream"),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn hls(
    State(queries): State<Queries>,
    State(storage): State<Arc<dyn ObjectStorage>>,
    State(urls): State<MediaUrls>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path((id, name)) = path.map_err(|_| VideoError::NotFound)?;
    let video: VideoId = id.parse().map_err(|_| VideoError::NotFound)?;
    let rendition = rendition_of(&name).ok_or(VideoError::NotFound)?;
    queries.hls_key(video).await?.ok_or(VideoError::NotFound)?;

    let folder = hls_folder(video);
    let key = ObjectKey::parse(&format!("{folder}{name}")).ok_or(VideoError::NotFound)?;
    let text = read(storage.as_ref(), &key).await?;
    // A list names the one file of its rendition. The master list names only lists.
    let file = format!("{rendition}.mp4");
    let url = urls.signed(&format!("{folder}{file}"), SIGNED_URL_TTL + LIST_TTL).await?;
    let headers = [(CONTENT_TYPE, content_type_of(&key)), (CACHE_CONTROL, CACHE_LIST)];
    Ok((headers, text.replace(&file, &url)).into_response())
}

/// `720p` of `720p.m3u8`.
fn rendition_of(list: &str) -> Option<&str> {
    let name = list.strip_suffix(".m3u8")?;
    let is_valid = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_valid.then_some(name)
}

async fn read(storage: &dyn ObjectStorage, key: &ObjectKey) -> Result<String, ApiError> {
    let mut body = storage.get(key).await.map_err(|error| match error {
        StorageError::NotFound(_) => VideoError::NotFound.into(),
        error => ApiError::unavailable(error),
    })?;
    let mut bytes = Vec::new();
    while let Some(chunk) = body.try_next().await.map_err(ApiError::unavailable)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_LIST_BYTES {
            return Err(ApiError::internal(format!("`{key}` is too long for a list")));
        }
    }
    String::from_utf8(bytes).map_err(|_| ApiError::internal(format!("`{key}` is no text")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_list_names_a_rendition() {
        assert_eq!(rendition_of("master.m3u8"), Some("master"));
        assert_eq!(rendition_of("480p.m3u8"), Some("480p"));
        for other in ["480p.mp4", ".m3u8", "../480p.m3u8", "a.b.m3u8", "m3u8", ""] {
            assert_eq!(rendition_of(other), None, "{other}");
        }
    }
}
