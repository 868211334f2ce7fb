//! A client of resumable uploads, one request at a time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Body, Method, RequestBuilder};

use super::client::Ask;
use super::{Answer, Api, Person};

/// The type of pieces.
pub(crate) const PIECE: &str = "application/offset+octet-stream";

/// Somebody who uploads.
#[derive(Clone)]
pub(crate) struct Tus {
    api: Api,
    token: String,
}

impl Tus {
    pub(crate) fn of(api: &Api, owner: &Person) -> Self {
        Self { api: api.clone(), token: owner.token.clone() }
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.api.request(method, path).bearer_auth(&self.token).header("tus-resumable", "1.0.0")
    }

    pub(crate) fn create_request(&self, length: usize) -> RequestBuilder {
        let request = self.ask(Method::POST, "/api/uploads").header("upload-length", length);
        request.header("upload-metadata", metadata())
    }

    /// Where the new upload is.
    pub(crate) async fn create(&self, length: usize) -> String {
        let answer = self.create_request(length).answer().await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.header("location").unwrap().to_owned()
    }

    pub(crate) async fn head(&self, upload: &str) -> Answer {
        self.ask(Method::HEAD, upload).answer().await
    }

    /// How much has come.
    pub(crate) async fn offset(&self, upload: &str) -> usize {
        let answer = self.head(upload).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        offset(&answer)
    }

    pub(crate) fn patch_request(
        &self,
        upload: &str,
        offset: usize,
        piece: impl Into<Body>,
    ) -> RequestBuilder {
        let request = self.ask(Method::PATCH, upload).header("upload-offset", offset);
        request.header("content-type", PIECE).body(piece)
    }

    pub(crate) async fn patch(&self, upload: &str, offset: usize, piece: &[u8]) -> Answer {
        self.patch_request(upload, offset, piece.to_vec()).answer().await
    }

    pub(crate) async fn cancel(&self, upload: &str) -> Answer {
        self.ask(Method::DELETE, upload).answer().await
    }
}

/// What an answer says of the offset.
#[track_caller]
pub(crate) fn offset(answer: &Answer) -> usize {
    let text = answer.header("upload-offset").unwrap_or_else(|| panic!("{answer:?}"));
    text.parse().unwrap()
}

/// What the uploads of these tests say of themselves.
pub(crate) fn metadata() -> String {
    let pair = |key: &str, value: &str| format!("{key} {}", STANDARD.encode(value));
    [pair("title", "Mi canción"), pair("filename", "clip.mp4"), pair("filetype", "video/mp4")]
        .join(",")
}
