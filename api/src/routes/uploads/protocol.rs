//! Which dialect both sides speak.

use axum::extract::{FromRequestParts, Request};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, Method};

use super::headers;
use crate::error::ApiError;

/// The only version of the protocol that is spoken.
pub(crate) const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const EXTENSIONS: &str = "creation,creation-with-upload,termination,expiration,checksum";
const ALGORITHMS: &str = "sha1,sha256";
const FOLDERS: [&str; 2] = ["/api/uploads", "/me/uploads"];

/// A request that speaks our version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spoken;

impl<S: Sync> FromRequestParts<S> for Spoken {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match parts.headers.get(headers::RESUMABLE) {
            Some(version) if *version == VERSION => Ok(Self),
            _ => Err(ApiError::OtherVersion),
        }
    }
}

/// A request about resumable uploads. Every answer says which version we speak, whoever gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conversation {
    /// The client wants to know what we can.
    discovers: bool,
}

impl Conversation {
    pub(crate) fn of(request: &Request) -> Option<Self> {
        is_about_uploads(request.uri().path())
            .then(|| Self { discovers: request.method() == Method::OPTIONS })
    }

    pub(crate) fn mark(self, response: &mut Response, max_size: u64) {
        let headers = response.headers_mut();
        headers.insert(headers::RESUMABLE, VERSION);
        if self.discovers {
            headers.insert(headers::VERSION, VERSION);
            headers.insert(headers::EXTENSION, HeaderValue::from_static(EXTENSIONS));
            headers.insert(headers::ALGORITHM, HeaderValue::from_static(ALGORITHMS));
            headers.insert(headers::MAX_SIZE, max_size.into());
        }
    }
}

/// Whether a path leads to resumable uploads.
pub(crate) fn is_about_uploads(path: &str) -> bool {
    let rest = FOLDERS.iter().find_map(|folder| path.strip_prefix(folder));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
