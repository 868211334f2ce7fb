//! Caches rendered pages as finished bytes, one per key and version of the boards.
//!
//! One task renders a page, however many requests ask for it. While it renders the newest version, the
//! others get the page before, for at most [`STALE_WINDOW`]. A change without a new version, such as
//! the second video of an artist, shows when the page's time to live ends.
//!
//! The count of erasures is part of the key. So no response shows an erased person's name, not even
//! from a page that was being rendered at that moment.

pub(crate) mod encoding;
pub(crate) mod page;

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::response::Response;
use http::HeaderMap;
use metrics::Counter;
use moka::future::Cache;
use projections::ErasureEpoch;
use projections::rankings::BoardsVersion;

use crate::error::ApiError;

pub(crate) use page::{Audience, Page, Representation};

/// How long requests get an outdated page while the next one is rendered.
pub(crate) const STALE_WINDOW: Duration = Duration::from_millis(50);
/// What an entry takes beside its page, in bytes: key, tags and the cache's own records.
pub(crate) const ENTRY_OVERHEAD: usize = 768;

/// The cached pages of one kind. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PageCache<K> {
    cache: Cache<(u64, K), Entry>,
    ttl: Duration,
    erasures: ErasureEpoch,
    counters: Counters,
}

/// A page, or why there is none. All requests that waited for one load share its error.
type Entry = Result<Arc<CachedPage>, Arc<ApiError>>;

/// A page, and how long it is valid.
pub(crate) struct CachedPage {
    pub(crate) page: Page,
    rendered: Instant,
    ttl: Duration,
    /// The count of erasures in its key.
    pub(crate) erasures: u64,
    /// Whether a task renders the next one.
    renewing: AtomicBool,
}

/// An extension of responses that the response cache may store.
#[derive(Clone)]
pub(crate) struct CacheableResponse {
    pub(crate) page: Arc<CachedPage>,
    pub(crate) representation: Representation,
}

#[derive(Clone)]
struct Counters {
    hit: Counter,
    stale: Counter,
    loaded: Counter,
    waited: Counter,
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> PageCache<K> {
    /// Takes at most `max_bytes`. Each page is valid for at most `ttl`.
    pub(crate) fn new(
        kind: &'static str,
        max_bytes: u64,
        ttl: Duration,
        erasures: ErasureEpoch,
    ) -> Self {
        let weigh = |_: &(u64, K), entry: &Entry| {
            let page = entry.as_ref().map_or(0, |cached| cached.page.max_bytes());
            u32::try_from(page + ENTRY_OVERHEAD).unwrap_or(u32::MAX)
        };
        let evicted = metrics::counter!("anb_pages_evicted_total", "kind" => kind);
        let cache = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(weigh)
            .time_to_live(ttl + STALE_WINDOW)
            .eviction_listener(move |_, _, cause| {
                if cause == moka::notification::RemovalCause::Size {
                    evicted.increment(1);
                }
            })
            .build();
        Self { cache, ttl, erasures, counters: Counters::new(kind) }
    }

    /// The page under `key` as of `version`; `render` makes it if it is not cached.
    pub(crate) async fn get<L, F>(
        &self,
        version: BoardsVersion,
        key: K,
        render: L,
    ) -> Result<Arc<CachedPage>, ApiError>
    where
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<Page, ApiError>> + Send + 'static,
    {
        let key = (self.erasures.current(), key);
        let Some(Ok(cached)) = self.cache.get(&key).await else {
            return self.load(version, key, render).await;
        };
        if cached.is_valid(version) {
            self.counters.hit.increment(1);
            return Ok(cached);
        }
        if !cached.is_within_stale_window(version) {
            return self.load(version, key, render).await;
        }
        self.counters.stale.increment(1);
        if !cached.renewing.swap(true, Ordering::Relaxed) {
            let pages = self.clone();
            // If this fails, the next request loads the page and returns the error.
            tokio::spawn(async move { pages.load(version, key, render).await.is_ok() });
        }
        Ok(cached)
    }

    /// Renders the page, or waits for the task that does.
    async fn load<L, F>(
        &self,
        version: BoardsVersion,
        key: (u64, K),
        render: L,
    ) -> Result<Arc<CachedPage>, ApiError>
    where
        L: FnOnce() -> F,
        F: Future<Output = Result<Page, ApiError>>,
    {
        let load = async {
            // Taken first: the content is at least as new as this time.
            let rendered = Instant::now();
            let page = render().await.map_err(Arc::new)?;
            let (ttl, erasures) = (self.ttl, key.0);
            let renewing = AtomicBool::new(false);
            Ok(Arc::new(CachedPage { page, rendered, ttl, erasures, renewing }))
        };
        let is_outdated =
            |entry: &Entry| entry.as_ref().map_or(true, |page| !page.is_valid(version));
        let entry = self.cache.entry_by_ref(&key).or_insert_with_if(load, is_outdated).await;
        let rendered_here = entry.is_fresh();
        if rendered_here { &self.counters.loaded } else { &self.counters.waited }.increment(1);
        match entry.into_value() {
            Ok(cached) => Ok(cached),
            Err(error) => {
                if rendered_here {
                    self.cache.invalidate(&key).await;
                }
                Err((*error).clone())
            }
        }
    }
}

impl CachedPage {
    /// The page, or 304 if the client has it. The response cache may store a public one.
    pub(crate) fn respond(self: Arc<Self>, request: &HeaderMap, audience: Audience) -> Response {
        let representation = self.page.negotiate(request);
        let mut response = self.page.respond(representation, audience);
        if audience == Audience::Public {
            response.extensions_mut().insert(CacheableResponse { page: self, representation });
        }
        response
    }

    /// Whether it shows `version`, or a later one, and its time to live has not ended.
    pub(crate) fn is_valid(&self, version: BoardsVersion) -> bool {
        self.page.version >= version.number && self.rendered.elapsed() < self.ttl
    }

    /// Whether it was valid until less than [`STALE_WINDOW`] ago.
    fn is_within_stale_window(&self, version: BoardsVersion) -> bool {
        let superseded = self.page.version < version.number;
        let lately = self.page.version + 1 == version.number && version.age() < STALE_WINDOW;
        (!superseded || lately) && self.rendered.elapsed() < self.ttl + STALE_WINDOW
    }
}

impl Counters {
    fn new(kind: &'static str) -> Self {
        let counter =
            |result| metrics::counter!("anb_pages_total", "kind" => kind, "result" => result);
        Self {
            hit: counter("hit"),
            stale: counter("stale"),
            loaded: counter("loaded"),
            waited: counter("waited"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    const TTL: Duration = Duration::from_secs(60);

    fn pages(ttl: Duration) -> PageCache<&'static str> {
        PageCache::new("test", 1 << 20, ttl, ErasureEpoch::default())
    }

    /// Counts how often it renders.
    #[derive(Clone, Default)]
    struct Renderer(Arc<AtomicUsize>);

    impl Renderer {
        async fn render(self, version: u64) -> Result<Page, ApiError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Page::render(version, &"content")
        }

        async fn get(&self, pages: &PageCache<&'static str>, version: BoardsVersion) -> u64 {
            let renderer = self.clone();
            let load = move || renderer.render(version.number);
            pages.get(version, "board", load).await.unwrap().page.version
        }

        fn rendered(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn a_page_is_rendered_once_per_version() {
        let (pages, renderer) = (pages(TTL), Renderer::default());
        let first = BoardsVersion::new(1);
        let (one, other) = tokio::join!(renderer.get(&pages, first), renderer.get(&pages, first));
        assert_eq!((one, other, renderer.rendered()), (1, 1, 1));
        assert_eq!(renderer.get(&pages, first).await, 1);
        assert_eq!(renderer.rendered(), 1);
    }

    #[tokio::test]
    async fn an_outdated_page_is_served_while_the_next_is_rendered() {
        let (pages, renderer) = (pages(TTL), Renderer::default());
        renderer.get(&pages, BoardsVersion::new(1)).await;
        let second = BoardsVersion::new(2);
        assert_eq!(renderer.get(&pages, second).await, 1, "the outdated page, without a wait");
        assert_eq!(renderer.get(&pages, second).await, 1);
        while renderer.rendered() < 2 || renderer.get(&pages, second).await < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(renderer.rendered(), 2, "rendered once for all requests");
    }

    #[tokio::test]
    async fn a_page_two_versions_behind_or_past_the_stale_window_is_not_served() {
        let (pages, renderer) = (pages(TTL), Renderer::default());
        renderer.get(&pages, BoardsVersion::new(1)).await;
        assert_eq!(renderer.get(&pages, BoardsVersion::new(3)).await, 3);
        let long_ago = BoardsVersion::since(4, Instant::now() - STALE_WINDOW);
        assert_eq!(renderer.get(&pages, long_ago).await, 4);
    }

    #[tokio::test]
    async fn no_page_is_served_after_an_erasure() {
        let (pages, renderer) = (pages(TTL), Renderer::default());
        let version = BoardsVersion::new(1);
        renderer.get(&pages, version).await;
        let old = {
            let (pages, erasures) = (pages.clone(), pages.erasures.clone());
            let load = move || async move {
                erasures.advance(); // The name has been read; the person is erased before the page is stored.
                tokio::task::yield_now().await;
                Page::render(2, &"old name")
            };
            async move {
                pages
                    .get(BoardsVersion::since(2, Instant::now() - STALE_WINDOW), "board", load)
                    .await
            }
        };
        let new = async {
            while pages.erasures.current() == 0 {
                tokio::task::yield_now().await;
            }
            renderer.get(&pages, version).await
        };
        let (old, new) = tokio::join!(old, new);
        assert_eq!((old.unwrap().page.version, new), (2, 1), "two pages under two keys");
        assert_eq!(renderer.get(&pages, version).await, 1);
        assert_eq!(renderer.rendered(), 2, "the older page is never found");
    }

    #[tokio::test]
    async fn a_page_is_rendered_again_after_its_ttl() {
        let (pages, renderer) = (pages(Duration::ZERO), Renderer::default());
        let version = BoardsVersion::new(1);
        renderer.get(&pages, version).await;
        while renderer.rendered() < 3 {
            renderer.get(&pages, version).await;
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn an_error_is_not_cached() {
        let pages = pages(TTL);
        let down = || async { Err(ApiError::unavailable("down")) };
        let failed = pages.get(BoardsVersion::new(1), "board", down).await;
        assert!(matches!(failed, Err(ApiError::Unavailable(_))));
        Renderer::default().get(&pages, BoardsVersion::new(1)).await;
    }
}
