//! Finished pages: rendered once per edition of the boards, then served as bytes.
//!
//! A page knows the edition it shows. While the newest one is being rendered, by one task however
//! many ask, readers get the one before, for 50 ms at most: nobody waits for a page that is in
//! demand. What changes without a new edition (a second video of an artist is published) shows when
//! the page's time is up. Only an erased person's name is never shown again: the count of erasures is
//! part of a page's key, so that nobody meets an older page, nor one that was being rendered meanwhile.

pub(crate) mod encoding;
mod front;
mod page;

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

pub(crate) use front::Front;
use page::Form;
pub(crate) use page::{Audience, Page};

/// How long readers get a page that does not hold any more, while the next one is being rendered.
const GRACE: Duration = Duration::from_millis(50);
/// What an entry weighs beyond its page: key, tags and the cache's own records.
const OVERHEAD: usize = 768;

/// The pages of one kind. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pages<K> {
    cache: Cache<(u64, K), Entry>,
    ttl: Duration,
    erasures: ErasureEpoch,
    counters: Counters,
}

/// A page, or why there is none; those who waited for one load share its error.
type Entry = Result<Arc<Kept>, Arc<ApiError>>;

/// A page, and how long it holds.
pub(crate) struct Kept {
    page: Page,
    rendered: Instant,
    ttl: Duration,
    /// The count of erasures that it is kept under.
    erasures: u64,
    /// Whether somebody renders the next one.
    renewing: AtomicBool,
}

/// Goes with an answer that is a public page.
#[derive(Clone)]
struct Finished {
    kept: Arc<Kept>,
    form: Form,
}

#[derive(Clone)]
struct Counters {
    hit: Counter,
    stale: Counter,
    loaded: Counter,
    waited: Counter,
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Pages<K> {
    /// At most so many bytes, each page for `ttl` at most.
    pub(crate) fn new(
        kind: &'static str,
        max_bytes: u64,
        ttl: Duration,
        erasures: ErasureEpoch,
    ) -> Self {
        let weigh = |_: &(u64, K), entry: &Entry| {
            let page = entry.as_ref().map_or(0, |kept| kept.page.bytes());
            u32::try_from(page + OVERHEAD).unwrap_or(u32::MAX)
        };
        let evicted = metrics::counter!("anb_pages_evicted_total", "kind" => kind);
        let cache = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(weigh)
            .time_to_live(ttl + GRACE)
            .eviction_listener(move |_, _, cause| {
                if cause == moka::notification::RemovalCause::Size {
                    evicted.increment(1);
                }
            })
            .build();
        Self { cache, ttl, erasures, counters: Counters::of(kind) }
    }

    /// The page under this key as of `edition`, rendered by `load` if it is not there.
    pub(crate) async fn get<L, F>(
        &self,
        edition: BoardsVersion,
        key: K,
        load: L,
    ) -> Result<Arc<Kept>, ApiError>
    where
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<Page, ApiError>> + Send + 'static,
    {
        let key = (self.erasures.current(), key);
        let Some(Ok(kept)) = self.cache.get(&key).await else {
            return self.load(edition, key, load).await;
        };
        if kept.holds(edition) {
            self.counters.hit.increment(1);
            return Ok(kept);
        }
        if !kept.held_lately(edition) {
            return self.load(edition, key, load).await;
        }
        self.counters.stale.increment(1);
        if !kept.renewing.swap(true, Ordering::Relaxed) {
            let pages = self.clone();
            // An error is met again by the next one who asks.
            tokio::spawn(async move { pages.load(edition, key, load).await.is_ok() });
        }
        Ok(kept)
    }

    /// Renders the page, or waits for whoever does.
    async fn load<L, F>(
        &self,
        edition: BoardsVersion,
        key: (u64, K),
        load: L,
    ) -> Result<Arc<Kept>, ApiError>
    where
        L: FnOnce() -> F,
        F: Future<Output = Result<Page, ApiError>>,
    {
        let render = async {
            // Taken before the page's content: it is at least as new as this.
            let rendered = Instant::now();
            let page = load().await.map_err(Arc::new)?;
            let (ttl, erasures) = (self.ttl, key.0);
            Ok(Arc::new(Kept { page, rendered, ttl, erasures, renewing: AtomicBool::new(false) }))
        };
        let outlived = |entry: &Entry| entry.as_ref().map_or(true, |kept| !kept.holds(edition));
        let entry = self.cache.entry_by_ref(&key).or_insert_with_if(render, outlived).await;
        let rendered_here = entry.is_fresh();
        if rendered_here { &self.counters.loaded } else { &self.counters.waited }.increment(1);
        match entry.into_value() {
            Ok(kept) => Ok(kept),
            Err(error) => {
                if rendered_here {
                    self.cache.invalidate(&key).await;
                }
                Err(error.shared())
            }
        }
    }
}

impl Kept {
    /// The page, or 304 if the client has it. A public one may go out again as it is: see [`Front`].
    pub(crate) fn answer(self: Arc<Self>, request: &HeaderMap, audience: Audience) -> Response {
        let form = self.page.form(request);
        let mut response = self.page.answer(form, audience);
        if audience == Audience::Public {
            response.extensions_mut().insert(Finished { kept: self, form });
        }
        response
    }

    /// Whether it is the newest there can be, as far as the boards are concerned.
    fn holds(&self, edition: BoardsVersion) -> bool {
        self.page.edition >= edition.number && self.rendered.elapsed() < self.ttl
    }

    /// Whether it stopped to hold a moment ago.
    fn held_lately(&self, edition: BoardsVersion) -> bool {
        let superseded = self.page.edition < edition.number;
        let lately = self.page.edition + 1 == edition.number && edition.age() < GRACE;
        (!superseded || lately) && self.rendered.elapsed() < self.ttl + GRACE
    }
}

impl Counters {
    fn of(kind: &'static str) -> Self {
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

    fn pages(ttl: Duration) -> Pages<&'static str> {
        Pages::new("test", 1 << 20, ttl, ErasureEpoch::default())
    }

    /// Counts what it renders.
    #[derive(Clone, Default)]
    struct Renderer(Arc<AtomicUsize>);

    impl Renderer {
        async fn render(self, edition: u64) -> Result<Page, ApiError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Page::render(edition, &"content")
        }

        async fn get(&self, pages: &Pages<&'static str>, edition: BoardsVersion) -> u64 {
            let renderer = self.clone();
            let load = move || renderer.render(edition.number);
            pages.get(edition, "board", load).await.unwrap().page.edition
        }

        fn rendered(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn a_page_is_rendered_once_per_edition() {
        let (pages, renderer) = (pages(TTL), Renderer::default());
        let first = BoardsVersion::new(1);
        let (one, other) = tokio::join!(renderer.get(&pages, first), renderer.get(&pages, first));
        assert_eq!((one, other, renderer.rendered()), (1, 1, 1));
        assert_eq!(renderer.get(&pages, first).await, 1);
        assert_eq!(renderer.rendered(), 1);
    }

    #[tokio::test]
    async fn nobody_waits_for_a_page_that_is_in_demand() {
        let (pages, renderer) = (pages(TTL), Renderer::default());
        renderer.get(&pages, BoardsVersion::new(1)).await;
        let second = BoardsVersion::new(2);
        assert_eq!(renderer.get(&pages, second).await, 1, "the one before, at once");
        assert_eq!(renderer.get(&pages, second).await, 1);
        while renderer.rendered() < 2 || renderer.get(&pages, second).await < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(renderer.rendered(), 2, "rendered once, however many asked");
    }

    #[tokio::test]
    async fn an_older_page_is_not_shown() {
        let (pages, renderer) = (pages(TTL), Renderer::default());
        renderer.get(&pages, BoardsVersion::new(1)).await;
        assert_eq!(renderer.get(&pages, BoardsVersion::new(3)).await, 3);
        let long_ago = BoardsVersion::since(4, Instant::now() - GRACE);
        assert_eq!(renderer.get(&pages, long_ago).await, 4);
    }

    #[tokio::test]
    async fn no_page_outlives_an_erasure() {
        let (pages, renderer) = (pages(TTL), Renderer::default());
        let edition = BoardsVersion::new(1);
        renderer.get(&pages, edition).await;
        let old = {
            let (pages, erasures) = (pages.clone(), pages.erasures.clone());
            let load = move || async move {
                erasures.advance(); // The name has been read; now its person is erased.
                tokio::task::yield_now().await;
                Page::render(2, &"old name")
            };
            async move {
                pages.get(BoardsVersion::since(2, Instant::now() - GRACE), "board", load).await
            }
        };
        let new = async {
            while pages.erasures.current() == 0 {
                tokio::task::yield_now().await;
            }
            renderer.get(&pages, edition).await
        };
        let (old, new) = tokio::join!(old, new);
        assert_eq!(
            (old.unwrap().page.edition, new),
            (2, 1),
            "two pages, neither in place of the other"
        );
        assert_eq!(renderer.get(&pages, edition).await, 1);
        assert_eq!(renderer.rendered(), 2, "the old one is not found any more");
    }

    #[tokio::test]
    async fn a_page_has_its_time() {
        let (pages, renderer) = (pages(Duration::ZERO), Renderer::default());
        let edition = BoardsVersion::new(1);
        renderer.get(&pages, edition).await;
        while renderer.rendered() < 3 {
            renderer.get(&pages, edition).await;
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn an_outage_is_not_kept() {
        let pages = pages(TTL);
        let down = || async { Err(ApiError::Unavailable("down".into())) };
        let failed = pages.get(BoardsVersion::new(1), "board", down).await;
        assert!(matches!(failed, Err(ApiError::Unavailable(_))));
        Renderer::default().get(&pages, BoardsVersion::new(1)).await;
    }
}
