//! A tus client that sends one request at a time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Body, Method, RequestBuilder};

use super::api_response::ApiResponse;
use super::client::{ApiClient, Person, SendRequest};

/// The content type of pieces.
pub(crate) const PIECE: &str = "application/offset+octet-stream";

/// A client with the token of its owner.
#[derive(Clone)]
pub(crate) struct TusClient {
    api: ApiClient,
    token: String,
}

impl TusClient {
    pub(crate) fn of(api: &ApiClient, owner: &Person) -> Self {
        Self { api: api.clone(), token: owner.token.clone() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.api.request(method, path).bearer_auth(&self.token).header("tus-resumable", "1.0.0")
    }

    pub(crate) fn create_request(&self, length: usize) -> RequestBuilder {
        let request = self.request(Method::POST, "/api/uploads").header("upload-length", length);
        request.header("upload-metadata", metadata())
    }

    /// Creates an upload and returns its path.
    pub(crate) async fn create(&self, length: usize) -> String {
        let response = self.create_request(length).response().await;
        assert_eq!(response.status, 201, "{}", response.text());
        response.header("location").unwrap().to_owned()
    }

    pub(crate) async fn head(&self, upload: &str) -> ApiResponse {
        self.request(Method::HEAD, upload).response().await
    }

    /// The number of bytes received.
    pub(crate) async fn offset(&self, upload: &str) -> usize {
        let response = self.head(upload).await;
        assert_eq!(response.status, 200, "{response:?}");
        offset(&response)
    }

    pub(crate) fn patch_request(
        &self,
        upload: &str,
        offset: usize,
        piece: impl Into<Body>,
    ) -> RequestBuilder {
        let request = self.request(Method::PATCH, upload).header("upload-offset", offset);
        request.header("content-type", PIECE).body(piece)
    }

    pub(crate) async fn patch(&self, upload: &str, offset: usize, piece: &[u8]) -> ApiResponse {
        self.patch_request(upload, offset, piece.to_vec()).response().await
    }

    pub(crate) async fn cancel(&self, upload: &str) -> ApiResponse {
        self.request(Method::DELETE, upload).response().await
    }
}

/// `Upload-Offset` of a response.
#[track_caller]
pub(crate) fn offset(response: &ApiResponse) -> usize {
    let text = response.header("upload-offset").unwrap_or_else(|| panic!("{response:?}"));
    text.parse().unwrap()
}

/// `Upload-Metadata` of the uploads in these tests.
pub(crate) fn metadata() -> String {
    let pair = |key: &str, value: &str| format!("{key} {}", STANDARD.encode(value));
    [pair("title", "Mi canción"), pair("filename", "clip.mp4"), pair("filetype", "video/mp4")]
        .join(",")
}
