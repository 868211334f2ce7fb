//! Resumable uploads, by the tus protocol 1.0.0: <https://tus.io/protocols/resumable-upload>. Core,
//! and the extensions creation, creation-with-upload, termination, expiration and checksum.
//!
//! Programs use `/api/uploads` with a token; our own page `/me/uploads` with its session. See ADR 0022.

pub(crate) mod append;
pub(crate) mod cancel;
mod client;
pub(crate) mod create;
mod metadata;
pub(crate) mod overridden;
pub(crate) mod show;

use axum::extract::FromRef;
use axum::response::{IntoResponse, Response};
use commands::{Commands, ResumableError, ResumableUpload, UploadId};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};

use crate::error::{ApiError, RejectedCommand, UploadError, VideoError};
use crate::extract::PathId;
use crate::routes::command_response::failed;
use crate::state::{ApiState, Shutdown};
use crate::tus::headers;

/// What the endpoints of resumable uploads work with.
#[derive(Clone)]
pub(crate) struct Uploads {
    commands: Commands,
    shutdown: Shutdown,
}

impl FromRef<ApiState> for Uploads {
    fn from_ref(state: &ApiState) -> Self {
        Self { commands: FromRef::from_ref(state), shutdown: FromRef::from_ref(state) }
    }
}

/// The id of an upload in the path.
pub(crate) type UploadPath = PathId<UploadId>;

/// The response that tells the client the state of its upload.
fn upload_response(status: StatusCode, upload: &ResumableUpload) -> Response {
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert(headers::OFFSET, upload.received.into());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let (name, text) = match upload.video {
        Some(video) => (headers::VIDEO, video.to_string()),
        None => (headers::EXPIRES, headers::http_date(upload.expires_at)),
    };
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(name, value);
    }
    response
}

/// Turns the error of an upload into that of its request.
fn upload_error(error: ResumableError) -> ApiError {
    match error {
        ResumableError::Unknown => UploadError::Unknown.into(),
        ResumableError::Expired => UploadError::Expired.into(),
        ResumableError::WrongOffset => UploadError::WrongOffset.into(),
        ResumableError::TooLarge => UploadError::TooLarge.into(),
        ResumableError::ChecksumMismatch => UploadError::ChecksumMismatch.into(),
        ResumableError::TooMany => UploadError::TooMany.into(),
        ResumableError::TooManyPieces => UploadError::TooManyPieces.into(),
        ResumableError::NotAVideo => VideoError::NotAVideo.into(),
        ResumableError::Command(error) => failed(RejectedCommand::Upload)(error),
    }
}
