//! A rendered page: its bytes, its entity tag, and its encodings, made when first asked for.

use std::sync::OnceLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::encoding::Encoding;
use crate::error::ApiError;

/// Who may cache a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Everybody. Browsers revalidate each time. A shared cache may answer by itself for a second, and
    /// longer while this server is down. See ADR 0012.
    Public,
    /// Only the client that asked.
    Personal,
}

impl Audience {
    fn cache_control(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Public => {
                "public, max-age=0, s-maxage=1, stale-while-revalidate=1, stale-if-error=60"
            }
            Self::Personal => "private, no-cache",
        })
    }
}

/// A rendered page.
#[derive(Debug)]
pub(crate) struct Page {
    /// The version of the boards that it shows.
    pub(super) version: u64,
    plain: EncodedPage,
    gzip: OnceLock<EncodedPage>,
    brotli: OnceLock<EncodedPage>,
}

/// The representation of a page that one client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Representation {
    pub(crate) encoding: Encoding,
    /// Whether the client has these bytes already.
    pub(crate) not_modified: bool,
}

#[derive(Clone, Debug)]
struct EncodedPage {
    body: Bytes,
    etag: HeaderValue,
}

impl Page {
    /// Renders `content` as JSON. The entity tag is strong and depends on the bytes only: a new version
    /// that leaves a page unchanged keeps its tag, in every process.
    pub(crate) fn render(version: u64, content: &impl Serialize) -> Result<Self, ApiError> {
        let body = Bytes::from(serde_json::to_vec(content).map_err(ApiError::internal)?);
        let plain = EncodedPage { etag: etag(&body, Encoding::Identity), body };
        Ok(Self { version, plain, gzip: OnceLock::new(), brotli: OnceLock::new() })
    }

    /// An upper bound of its memory, in bytes: both encodings together are smaller than the page.
    pub(crate) fn max_bytes(&self) -> usize {
        2 * self.plain.body.len()
    }

    /// The representation for a request with these headers.
    pub(crate) fn negotiate(&self, request: &HeaderMap) -> Representation {
        let encoding = Encoding::choose(request, self.plain.body.len());
        let not_modified = matches_etag(request, &self.encoded(encoding).etag);
        Representation { encoding, not_modified }
    }

    /// The body of a representation; empty for 304.
    pub(crate) fn body(&self, representation: Representation) -> Bytes {
        if representation.not_modified {
            return Bytes::new();
        }
        self.encoded(representation.encoding).body.clone()
    }

    /// The response with a representation: 304 if the client has these bytes.
    pub(super) fn respond(&self, representation: Representation, audience: Audience) -> Response {
        let Representation { encoding, not_modified } = representation;
        let mut response = self.body(representation).into_response();
        let headers = response.headers_mut();
        headers.insert(ETAG, self.encoded(encoding).etag.clone());
        headers.insert(CACHE_CONTROL, audience.cache_control());
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if not_modified {
            headers.remove(CONTENT_TYPE);
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(encoding) = encoding.header() {
            headers.insert(CONTENT_ENCODING, encoding);
        }
        response
    }

    fn encoded(&self, encoding: Encoding) -> &EncodedPage {
        let slot = match encoding {
            Encoding::Identity => return &self.plain,
            Encoding::Gzip => &self.gzip,
            Encoding::Brotli => &self.brotli,
        };
        slot.get_or_init(|| EncodedPage {
            body: encoding.encode(&self.plain.body),
            etag: etag(&self.plain.body, encoding),
        })
    }
}

/// RFC 9110, section 13.1.2: weak comparison with each tag of the list, or `*`.
fn matches_etag(request: &HeaderMap, etag: &HeaderValue) -> bool {
    request
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || *etag == tag.strip_prefix("W/").unwrap_or(tag))
}

/// The first 12 bytes of the page's SHA-256, in hex, and the suffix of the encoding.
fn etag(plain: &[u8], encoding: Encoding) -> HeaderValue {
    let digest = hex::encode(&Sha256::digest(plain)[..12]);
    let tag = format!("\"{digest}{}\"", encoding.suffix());
    // Never fails: hex digits are valid in a header.
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::ACCEPT_ENCODING;

    fn if_none_match(tag: &str) -> HeaderMap {
        HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_str(tag).unwrap())])
    }

    fn respond(page: &Page, request: &HeaderMap) -> Response {
        page.respond(page.negotiate(request), Audience::Public)
    }

    #[test]
    fn a_client_that_has_the_page_gets_304() {
        let page = Page::render(7, &"content").unwrap();
        let tag = page.plain.etag.to_str().unwrap().to_owned();
        assert_eq!(respond(&page, &HeaderMap::new()).status(), 200);
        for asked in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let response = respond(&page, &if_none_match(&asked));
            assert_eq!(response.status(), 304, "{asked}");
            assert_eq!(response.headers()[ETAG], tag);
            assert!(!response.headers().contains_key(CONTENT_TYPE));
        }
        assert_eq!(respond(&page, &if_none_match("\"other\"")).status(), 200);
    }

    #[test]
    fn the_etag_depends_on_the_bytes_only() {
        let tag = |version, content: &str| Page::render(version, &content).unwrap().plain.etag;
        assert_ne!(tag(7, "Ana Díaz"), tag(7, "Artista anónimo"));
        assert_eq!(tag(7, "Ana Díaz"), tag(8, "Ana Díaz"));
    }

    #[test]
    fn each_encoding_has_its_own_etag() {
        let page = Page::render(1, &"content".repeat(1_000)).unwrap();
        let mut tags = Vec::new();
        for (accept, expected) in [("identity", None), ("gzip", Some("gzip")), ("br", Some("br"))] {
            let mut request =
                HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accept))]);
            let first = respond(&page, &request);
            let encoding = first.headers().get(CONTENT_ENCODING);
            assert_eq!(encoding.map(|value| value.to_str().unwrap()), expected);
            assert_eq!(first.headers()[VARY], "accept-encoding");
            let tag = first.headers()[ETAG].clone();
            request.insert(IF_NONE_MATCH, tag.clone());
            assert_eq!(respond(&page, &request).status(), 304);
            tags.push(tag);
        }
        let mut request = if_none_match(tags[1].to_str().unwrap());
        request.insert(ACCEPT_ENCODING, HeaderValue::from_static("br"));
        assert_eq!(respond(&page, &request).status(), 200, "these are other bytes");
    }
}
