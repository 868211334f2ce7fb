//! The version and the extensions of tus that this server supports.

use axum::extract::{FromRequestParts, Request};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use super::headers;
use crate::error::{ApiError, UploadError};

/// The only supported version.
const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const EXTENSIONS: &str = "creation,creation-with-upload,termination,expiration,checksum";
const CHECKSUM_ALGORITHMS: &str = "sha1,sha256";
/// Under the first, programs send an access token; under the second, our pages send their session.
const TUS_FOLDERS: [&str; 2] = ["/api/uploads", "/me/uploads"];

/// Proves that a request names the supported version. Any other is rejected with 412.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TusVersion;

impl<S: Sync> FromRequestParts<S> for TusVersion {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match parts.headers.get(headers::RESUMABLE) {
            Some(version) if *version == VERSION => Ok(Self),
            _ => Err(UploadError::OtherVersion.into()),
        }
    }
}

/// The headers that the protocol requires on every response of a tus path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TusHeaders {
    /// `OPTIONS` asks what the server supports.
    is_discovery: bool,
}

impl TusHeaders {
    /// `None` if the path of the request is not a tus path.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        is_tus_path(request.uri().path())
            .then(|| Self { is_discovery: request.method() == Method::OPTIONS })
    }

    /// Adds them. `max_size` is the largest upload, in bytes.
    pub(crate) fn add_to(self, response: &mut Response, max_size: u64) {
        let is_other_version = response.status() == StatusCode::PRECONDITION_FAILED;
        let headers = response.headers_mut();
        headers.insert(headers::RESUMABLE, VERSION);
        if self.is_discovery || is_other_version {
            headers.insert(headers::VERSION, VERSION);
        }
        if self.is_discovery {
            headers.insert(headers::EXTENSION, HeaderValue::from_static(EXTENSIONS));
            headers.insert(headers::ALGORITHM, HeaderValue::from_static(CHECKSUM_ALGORITHMS));
            headers.insert(headers::MAX_SIZE, max_size.into());
        }
    }
}

/// Whether a path belongs to resumable uploads.
pub(crate) fn is_tus_path(path: &str) -> bool {
    let rest = TUS_FOLDERS.iter().find_map(|folder| path.strip_prefix(folder));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
