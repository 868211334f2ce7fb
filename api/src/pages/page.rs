//! A page as it goes out: its bytes, its entity tag, and its encodings as soon as somebody takes them.

use std::sync::OnceLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::encoding::Encoding;
use crate::error::ApiError;

/// Who may keep an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Everybody. Browsers ask each time whether it still holds; a cache that many share may answer
    /// by itself for a second, and longer while we are away. See ADR 0012.
    Public,
    /// The one who asked.
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

/// Finished bytes.
#[derive(Debug)]
pub(crate) struct Page {
    /// The edition of the boards that it shows.
    pub(super) edition: u64,
    plain: Variant,
    gzip: OnceLock<Variant>,
    brotli: OnceLock<Variant>,
}

/// One of the ways in which a page goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) encoding: Encoding,
    /// Whether the client has these bytes already.
    pub(super) known: bool,
}

#[derive(Clone, Debug)]
struct Variant {
    body: Bytes,
    etag: HeaderValue,
}

impl Page {
    /// The entity tag is strong, and names the bytes: a page that a new edition leaves as it was
    /// keeps it, in every process.
    pub(crate) fn render(edition: u64, content: &impl Serialize) -> Result<Self, ApiError> {
        let internal = |error: serde_json::Error| ApiError::Internal(error.to_string());
        let body = Bytes::from(serde_json::to_vec(content).map_err(internal)?);
        let plain = Variant { etag: etag(&body, Encoding::Identity), body };
        Ok(Self { edition, plain, gzip: OnceLock::new(), brotli: OnceLock::new() })
    }

    /// What it takes in memory, at most: no encoding is larger than half of the page.
    pub(super) fn bytes(&self) -> usize {
        2 * self.plain.body.len()
    }

    /// In which form a request gets the page.
    pub(super) fn form(&self, request: &HeaderMap) -> Form {
        let encoding = Encoding::choose(request, self.plain.body.len());
        Form { encoding, known: matches(request, self.variant(encoding)) }
    }

    /// What goes out in this form.
    pub(super) fn body(&self, form: Form) -> Bytes {
        if form.known { Bytes::new() } else { self.variant(form.encoding).body.clone() }
    }

    /// The page in this form: 304 if the client has it.
    pub(super) fn answer(&self, form: Form, audience: Audience) -> Response {
        let Form { encoding, known } = form;
        let variant = self.variant(encoding);
        let body = self.body(form);
        let mut response = body.into_response();
        let headers = response.headers_mut();
        headers.insert(ETAG, variant.etag.clone());
        headers.insert(CACHE_CONTROL, audience.cache_control());
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if known {
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

    fn variant(&self, encoding: Encoding) -> &Variant {
        let made = match encoding {
            Encoding::Identity => return &self.plain,
            Encoding::Gzip => &self.gzip,
            Encoding::Brotli => &self.brotli,
        };
        made.get_or_init(|| Variant {
            body: encoding.encode(&self.plain.body),
            etag: etag(&self.plain.body, encoding),
        })
    }
}

/// RFC 9110, section 13.1.2: weak comparison, any of a list, or `*`.
fn matches(request: &HeaderMap, variant: &Variant) -> bool {
    request
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || variant.etag == tag.strip_prefix("W/").unwrap_or(tag))
}

fn etag(plain: &[u8], encoding: Encoding) -> HeaderValue {
    let digest: String =
        Sha256::digest(plain).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{digest}{}\"", encoding.suffix());
    // Hex digits are fit for a header.
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::ACCEPT_ENCODING;

    fn asking(tag: &str) -> HeaderMap {
        HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_str(tag).unwrap())])
    }

    fn answer(page: &Page, request: &HeaderMap) -> Response {
        page.answer(page.form(request), Audience::Public)
    }

    #[test]
    fn a_page_is_sent_once() {
        let page = Page::render(7, &"content").unwrap();
        let tag = page.plain.etag.to_str().unwrap().to_owned();
        assert_eq!(answer(&page, &HeaderMap::new()).status(), 200);
        for asked in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let answer = answer(&page, &asking(&asked));
            assert_eq!(answer.status(), 304, "{asked}");
            assert_eq!(answer.headers()[ETAG], tag);
            assert!(!answer.headers().contains_key(CONTENT_TYPE));
        }
        assert_eq!(answer(&page, &asking("\"other\"")).status(), 200);
    }

    #[test]
    fn the_bytes_make_the_tag() {
        let tag = |edition, content: &str| Page::render(edition, &content).unwrap().plain.etag;
        assert_ne!(tag(7, "Ana Díaz"), tag(7, "Artista anónimo"));
        assert_eq!(tag(7, "Ana Díaz"), tag(8, "Ana Díaz"));
    }

    #[test]
    fn each_encoding_has_a_tag_of_its_own() {
        let page = Page::render(1, &"content".repeat(1_000)).unwrap();
        let mut tags = Vec::new();
        for (accept, expected) in [("identity", None), ("gzip", Some("gzip")), ("br", Some("br"))] {
            let mut request =
                HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accept))]);
            let first = answer(&page, &request);
            let encoding = first.headers().get(CONTENT_ENCODING);
            assert_eq!(encoding.map(|value| value.to_str().unwrap()), expected);
            assert_eq!(first.headers()[VARY], "accept-encoding");
            let tag = first.headers()[ETAG].clone();
            request.insert(IF_NONE_MATCH, tag.clone());
            assert_eq!(answer(&page, &request).status(), 304);
            tags.push(tag);
        }
        let mut request = asking(tags[1].to_str().unwrap());
        request.insert(ACCEPT_ENCODING, HeaderValue::from_static("br"));
        assert_eq!(answer(&page, &request).status(), 200, "these are other bytes");
    }
}
