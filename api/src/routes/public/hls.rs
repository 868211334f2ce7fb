//! `GET /api/public/videos/{id}/hls/{list}`: the lists of a video's adaptive stream.
//!
//! A list names files by their place beside it, and each must be signed for whoever asks. So a list
//! comes from here with signed URLs in it, and the files from the store.

use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::VideoId;
use domain::object_keys::hls_folder;
use futures_util::TryStreamExt;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use infra::object_storage::{ObjectKey, ObjectStorage, StorageError, content_type_of};

use crate::app::Shared;
use crate::error::{ApiError, ErrorBody};
use crate::routes::media::{URL_VALID_FOR, signed_url};

/// How long others may keep a list.
const KEPT_FOR: Duration = Duration::from_secs(60);
const CACHED: &str = "public, max-age=60";
/// Ours have two thousand bytes.
const MOST_BYTES: usize = 64 * 1024;

/// Where players find the stream of a video. A page of ours needs no `public_url` before it.
pub(crate) fn hls_url(public_url: &str, video: VideoId) -> String {
    format!("{public_url}/api/public/videos/{video}/hls/master.m3u8")
}

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
    State(state): State<Shared>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path((id, name)) = path.map_err(|_| ApiError::VideoNotFound)?;
    let video: VideoId = id.parse().map_err(|_| ApiError::VideoNotFound)?;
    let rendition = rendition_of(&name).ok_or(ApiError::VideoNotFound)?;
    state.app.queries.hls_key(video).await?.ok_or(ApiError::VideoNotFound)?;

    let storage = state.app.storage.as_ref();
    let folder = hls_folder(video);
    let key = ObjectKey::parse(&format!("{folder}{name}")).ok_or(ApiError::VideoNotFound)?;
    let text = read(storage, &key).await?;
    // A list names one file: that of its rendition. The master names only lists, which are here.
    let file = format!("{rendition}.mp4");
    let url = signed_url(storage, &format!("{folder}{file}"), URL_VALID_FOR + KEPT_FOR).await?;
    let headers = [(CONTENT_TYPE, content_type_of(&key)), (CACHE_CONTROL, CACHED)];
    Ok((headers, text.replace(&file, &url)).into_response())
}

/// `720p` of `720p.m3u8`.
fn rendition_of(list: &str) -> Option<&str> {
    let name = list.strip_suffix(".m3u8")?;
    let sound = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    sound.then_some(name)
}

async fn read(storage: &dyn ObjectStorage, key: &ObjectKey) -> Result<String, ApiError> {
    let mut body = storage.get(key).await.map_err(|error| match error {
        StorageError::NotFound(_) => ApiError::VideoNotFound,
        error => ApiError::Unavailable(error.to_string()),
    })?;
    let mut bytes = Vec::new();
    let broken = |error: std::io::Error| ApiError::Unavailable(error.to_string());
    while let Some(chunk) = body.try_next().await.map_err(broken)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MOST_BYTES {
            return Err(ApiError::Internal(format!("`{key}` is too long for a list")));
        }
    }
    String::from_utf8(bytes).map_err(|_| ApiError::Internal(format!("`{key}` is no text")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lists_have_a_name() {
        assert_eq!(rendition_of("master.m3u8"), Some("master"));
        assert_eq!(rendition_of("480p.m3u8"), Some("480p"));
        for other in ["480p.mp4", ".m3u8", "../480p.m3u8", "a.b.m3u8", "m3u8", ""] {
            assert_eq!(rendition_of(other), None, "{other}");
        }
    }
}
