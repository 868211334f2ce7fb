//! Caches whole responses of public pages, headers included, by path and query.
//!
//! A hit skips routing and middleware. The cache stores what they produced, so that their code stays
//! the only place that decides what a response looks like. It never waits and never renders: on a miss
//! the request is routed. See ADR 0025.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::ORIGIN;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body::Body as HttpBody;
use metrics::Counter;
use moka::sync::Cache;
use projections::ErasureEpoch;
use projections::queries::Queries;
use projections::rankings::BoardsVersion;

use crate::page_cache::{CacheableResponse, CachedPage, ENTRY_OVERHEAD, Representation};
use crate::request_id::{self, RequestId};
use crate::request_metrics::RequestMetrics;

/// The path prefix of all public pages.
const PUBLIC_PREFIX: &str = "/api/public/";
/// Longer paths are not cached: popular pages have short ones. In bytes.
pub(crate) const MAX_PATH_BYTES: usize = 512;
/// The headers of all representations of a page, in bytes.
const HEADERS_BYTES: usize = 6 * 1_024;

/// Finds the response to a request before it is routed.
pub(crate) struct ResponseCache {
    /// By path and query.
    entries: Cache<Box<str>, Arc<CachedResponses>>,
    queries: Queries,
    erasures: ErasureEpoch,
    /// Whether every origin gets the same response.
    any_origin: bool,
    hits: Counter,
}

/// The responses with one page, one for each representation.
struct CachedResponses {
    page: Arc<CachedPage>,
    responses: [OnceLock<CachedResponse>; 6],
}

/// A response. The request id in its headers is replaced on every hit.
struct CachedResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    metrics: Arc<RequestMetrics>,
}

impl ResponseCache {
    /// Takes at most `max_bytes`. An entry lives for at most `ttl`. Unless `any_origin`, requests with
    /// an `Origin` bypass the cache, because their response depends on it.
    pub(crate) fn new(
        max_bytes: u64,
        ttl: Duration,
        any_origin: bool,
        queries: Queries,
        erasures: ErasureEpoch,
    ) -> Self {
        let entries = Cache::<Box<str>, Arc<CachedResponses>>::builder()
            .max_capacity(max_bytes)
            .weigher(|path, cached| {
                let page = cached.page.page.max_bytes();
                u32::try_from(path.len() + page + HEADERS_BYTES + ENTRY_OVERHEAD)
                    .unwrap_or(u32::MAX)
            })
            .time_to_live(ttl)
            .build();
        let hits = metrics::counter!("anb_pages_total", "kind" => "front", "result" => "hit");
        Self { entries, queries, erasures, any_origin, hits }
    }

    /// The cached response, if there is a valid one.
    pub(crate) fn get<B: HttpBody>(&self, request: &Request<B>) -> Option<Response> {
        let started = Instant::now();
        let cached = self.entries.get(self.cacheable_path(request)?)?;
        if !self.is_valid(&cached.page, self.queries.boards_version().ok()?) {
            return None;
        }
        let representation = cached.page.page.negotiate(request.headers());
        let CachedResponse { status, headers, body, metrics } =
            cached.responses[slot(representation)].get()?;
        let id = RequestId::of(request.headers());
        metrics.record_cached(started, &id);
        self.hits.increment(1);
        let mut response = Response::new(Body::from(body.clone()));
        *response.status_mut() = *status;
        *response.headers_mut() = headers.clone();
        response.headers_mut().insert(request_id::HEADER, id.into_header());
        Some(response)
    }

    /// The key under which the response to this request may be stored.
    pub(crate) fn key<B: HttpBody>(&self, request: &Request<B>) -> Option<Box<str>> {
        self.cacheable_path(request).map(Box::from)
    }

    /// Stores a response, if it is a public page that is still valid.
    pub(crate) fn store(
        &self,
        path: Box<str>,
        response: &mut Response,
        metrics: Arc<RequestMetrics>,
    ) {
        let Some(CacheableResponse { page, representation }) = response.extensions_mut().remove()
        else {
            return;
        };
        let Ok(version) = self.queries.boards_version() else { return };
        if !self.is_valid(&page, version) {
            return;
        }
        let headers = response.headers().clone();
        let body = page.page.body(representation);
        let new = CachedResponse { status: response.status(), headers, body, metrics };
        let known = self.entries.get(&path).filter(|known| Arc::ptr_eq(&known.page, &page));
        let is_known = known.is_some();
        let cached = known
            .unwrap_or_else(|| Arc::new(CachedResponses { page, responses: Default::default() }));
        // Fails if another request stored this representation first. Both responses are the same.
        let _ = cached.responses[slot(representation)].set(new);
        if !is_known {
            self.entries.insert(path, cached);
        }
    }

    /// Whether a page may still be served.
    fn is_valid(&self, page: &CachedPage, version: BoardsVersion) -> bool {
        page.erasures == self.erasures.current() && page.is_valid(version)
    }

    /// Path and query of a request whose response depends on nothing else but the encoding.
    fn cacheable_path<'r, B: HttpBody>(&self, request: &'r Request<B>) -> Option<&'r str> {
        let path = request.uri().path_and_query()?.as_str();
        let is_cacheable = request.method() == Method::GET
            && path.starts_with(PUBLIC_PREFIX)
            && path.len() <= MAX_PATH_BYTES
            && request.body().is_end_stream()
            && (self.any_origin || !request.headers().contains_key(ORIGIN));
        is_cacheable.then_some(path)
    }

    /// How many entries there are, and their weight in bytes.
    #[cfg(test)]
    pub(crate) fn size(&self) -> (u64, u64) {
        self.entries.run_pending_tasks();
        (self.entries.entry_count(), self.entries.weighted_size())
    }
}

/// The index of a representation's response.
fn slot(representation: Representation) -> usize {
    2 * representation.encoding as usize + usize::from(representation.not_modified)
}
