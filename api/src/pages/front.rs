//! Pages that go out again as they went out before, headers and all, found by a request's path and
//! query before anything else is done with it.
//!
//! What an answer looks like is decided in one place: the routes, and what is around them. The front
//! keeps what comes out of there, and gives it to whoever asks the same, as long as the page in it
//! holds. It never waits, and renders nothing; every other request is routed. See ADR 0025.

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

use super::page::Form;
use super::{Finished, Kept, OVERHEAD};
use crate::middleware::{REQUEST_ID, RequestId, Tally};

/// Where pages are.
const PREFIX: &str = "/api/public/";
/// Longer paths are routed: they are no page's that many ask for.
const LONGEST_PATH: usize = 512;
/// What the headers of all forms of a page weigh.
const HEADERS: usize = 6 * 1_024;

/// Answers that are ready.
pub(crate) struct Front {
    /// By path and query.
    ready: Cache<Box<str>, Arc<Ready>>,
    queries: Queries,
    erasures: ErasureEpoch,
    /// Whether an answer is the same for every origin.
    any_origin: bool,
    hits: Counter,
}

/// A page, and the answers in which it has gone out so far.
struct Ready {
    kept: Arc<Kept>,
    /// One for each form.
    answers: [OnceLock<Ended>; 6],
}

/// All of an answer. Its id is that of the first request; each has its own.
struct Ended {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    tally: Arc<Tally>,
}

impl Front {
    /// At most so many bytes, none longer than `ttl`. If answers are not the same for every origin,
    /// those to a request that names one are neither kept nor given.
    pub(crate) fn new(
        max_bytes: u64,
        ttl: Duration,
        any_origin: bool,
        queries: Queries,
        erasures: ErasureEpoch,
    ) -> Self {
        let ready = Cache::<Box<str>, Arc<Ready>>::builder()
            .max_capacity(max_bytes)
            .weigher(|path, ready| {
                let bytes = path.len() + ready.kept.page.bytes() + HEADERS + OVERHEAD;
                u32::try_from(bytes).unwrap_or(u32::MAX)
            })
            .time_to_live(ttl)
            .build();
        let hits = metrics::counter!("anb_pages_total", "kind" => "front", "result" => "hit");
        Self { ready, queries, erasures, any_origin, hits }
    }

    /// The answer, if it is ready and holds.
    pub(crate) fn answer<B: HttpBody>(&self, request: &Request<B>) -> Option<Response> {
        let started = Instant::now();
        let ready = self.ready.get(self.path(request)?)?;
        if !self.holds(&ready.kept, self.queries.boards_version().ok()?) {
            return None;
        }
        let form = ready.kept.page.form(request.headers());
        let Ended { status, headers, body, tally } = ready.answers[slot(form)].get()?;
        let id = RequestId::of(request.headers());
        tally.note(started, &id);
        self.hits.increment(1);
        let mut response = Response::new(Body::from(body.clone()));
        *response.status_mut() = *status;
        *response.headers_mut() = headers.clone();
        response.headers_mut().insert(REQUEST_ID, id.into_header());
        Some(response)
    }

    /// What the answer to this request may be kept by.
    pub(crate) fn key<B: HttpBody>(&self, request: &Request<B>) -> Option<Box<str>> {
        self.path(request).map(Box::from)
    }

    /// Keeps an answer that has been made, if it is a page that holds.
    pub(crate) fn keep(&self, path: Box<str>, response: &mut Response, tally: Arc<Tally>) {
        let Some(Finished { kept, form }) = response.extensions_mut().remove() else { return };
        let Ok(edition) = self.queries.boards_version() else { return };
        if !self.holds(&kept, edition) {
            return;
        }
        let headers = response.headers().clone();
        let body = kept.page.body(form);
        let ended = Ended { status: response.status(), headers, body, tally };
        let known = self.ready.get(&path).filter(|ready| Arc::ptr_eq(&ready.kept, &kept));
        let ready = known.clone().unwrap_or_else(|| Arc::new(Ready::new(kept)));
        // Two may be the first to ask for it in this form; their answers are the same.
        let _ = ready.answers[slot(form)].set(ended);
        if known.is_none() {
            self.ready.insert(path, ready);
        }
    }

    /// Whether a page may still be shown.
    fn holds(&self, kept: &Kept, edition: BoardsVersion) -> bool {
        kept.erasures == self.erasures.current() && kept.holds(edition)
    }

    /// Path and query of a request that asks for a page and says nothing else that matters.
    fn path<'r, B: HttpBody>(&self, request: &'r Request<B>) -> Option<&'r str> {
        let path = request.uri().path_and_query()?.as_str();
        let plain = request.method() == Method::GET
            && path.starts_with(PREFIX)
            && path.len() <= LONGEST_PATH
            && request.body().is_end_stream()
            && (self.any_origin || !request.headers().contains_key(ORIGIN));
        plain.then_some(path)
    }
}

impl Ready {
    fn new(kept: Arc<Kept>) -> Self {
        Self { kept, answers: Default::default() }
    }
}

/// Where the answer in a form is.
fn slot(form: Form) -> usize {
    2 * form.encoding as usize + usize::from(form.known)
}

#[cfg(test)]
mod tests;
