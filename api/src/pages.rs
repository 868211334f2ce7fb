//! Finished pages: rendered once per generation of the ranking, then served as bytes.
//!
//! The generation is part of the key, so that a load that began before a change cannot put an old
//! page in a new one's place; concurrent requests for a missing page wait for one load. What changes
//! without a new generation (a second video of an artist is published) shows when the page's time is
//! up.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use moka::future::Cache;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::ApiError;

/// A page as it goes out.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    body: Bytes,
    etag: HeaderValue,
}

impl Page {
    /// The entity tag is strong: it names the generation and the bytes themselves.
    pub(crate) fn render(generation: u64, content: &impl Serialize) -> Result<Self, ApiError> {
        let internal = |error: &dyn std::fmt::Display| ApiError::Internal(error.to_string());
        let body = serde_json::to_vec(content).map_err(|error| internal(&error))?;
        let digest: String =
            Sha256::digest(&body).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let etag = HeaderValue::try_from(format!("\"{generation}-{digest}\""))
            .map_err(|error| internal(&error))?;
        Ok(Self { body: body.into(), etag })
    }

    /// The page, or 304 if the client has it.
    pub(crate) fn answer(&self, request: &HeaderMap) -> Response {
        // `no-cache`: keep it, but ask each time whether it still holds.
        let headers =
            [(ETAG, self.etag.clone()), (CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
        if self.matches(request) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let content_type = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        (headers, content_type, self.body.clone()).into_response()
    }

    /// RFC 9110, section 13.1.2: weak comparison, any of a list, or `*`.
    fn matches(&self, request: &HeaderMap) -> bool {
        request
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || self.etag == tag.strip_prefix("W/").unwrap_or(tag))
    }
}

/// The pages of one kind.
pub(crate) struct Pages<K>(Cache<(u64, K), Page>);

/// What an entry weighs beyond its body: key, tag and the cache's own records.
const OVERHEAD: usize = 512;

impl<K: Hash + Eq + Send + Sync + 'static> Pages<K> {
    /// At most so many bytes, each page for `ttl` at most.
    pub(crate) fn new(max_bytes: u64, ttl: Duration) -> Self {
        let weigh = |_: &(u64, K), page: &Page| {
            u32::try_from(page.body.len() + OVERHEAD).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(max_bytes).weigher(weigh).time_to_live(ttl).build())
    }

    /// The page under this key, rendered by `load` if it is not there.
    pub(crate) async fn get(
        &self,
        generation: u64,
        key: K,
        load: impl Future<Output = Result<Page, ApiError>>,
    ) -> Result<Page, ApiError> {
        let loaded = self.0.try_get_with((generation, key), load).await;
        // Those who waited for one load share its error.
        loaded.map_err(|error: Arc<ApiError>| match error.as_ref() {
            ApiError::Unavailable(cause) => ApiError::Unavailable(cause.clone()),
            other => ApiError::Internal(format!("a page cannot be rendered: {other:?}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn asking(tag: &str) -> HeaderMap {
        HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_str(tag).unwrap())])
    }

    #[test]
    fn a_page_is_sent_once() {
        let page = Page::render(7, &"content").unwrap();
        let tag = page.etag.to_str().unwrap().to_owned();
        assert!(tag.starts_with("\"7-"));
        assert_eq!(page.answer(&HeaderMap::new()).status(), 200);
        for asked in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let answer = page.answer(&asking(&asked));
            assert_eq!(answer.status(), 304, "{asked}");
            assert_eq!(answer.headers()[ETAG], tag);
        }
        assert_eq!(page.answer(&asking("\"7-other\"")).status(), 200);
    }

    #[test]
    fn other_bytes_have_another_tag() {
        let tag = |content: &str| Page::render(7, &content).unwrap().etag;
        assert_ne!(tag("Ana Díaz"), tag("Artista anónimo"));
    }

    #[tokio::test]
    async fn a_page_is_rendered_once_per_generation() {
        let pages = Pages::new(1 << 20, Duration::from_secs(60));
        let rendered = AtomicUsize::new(0);
        let get = |generation| {
            let rendered = &rendered;
            pages.get(generation, "board", async move {
                rendered.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Page::render(generation, &"content")
            })
        };
        let (first, second) = tokio::join!(get(1), get(1));
        assert_eq!(first.unwrap().etag, second.unwrap().etag);
        assert_eq!(rendered.load(Ordering::Relaxed), 1);
        get(2).await.unwrap();
        assert_eq!(rendered.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn an_outage_is_not_kept() {
        let pages = Pages::new(1 << 20, Duration::from_secs(60));
        let failed = pages.get(1, "board", async { Err(ApiError::Unavailable("down".into())) });
        assert!(matches!(failed.await, Err(ApiError::Unavailable(_))));
        assert!(pages.get(1, "board", async { Page::render(1, &"content") }).await.is_ok());
    }
}
