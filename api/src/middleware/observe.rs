//! Counts, times and names every request. Neither query strings nor bodies are logged: they may
//! carry personal data or signatures.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use http::Method;
use metrics::{Counter, Gauge, Histogram};
use tracing::{Instrument, Span};

use super::request_id::{HEADER, RequestId};

const UNMATCHED: &str = "unmatched";

/// A request under way. Dropped early if its client goes away.
pub(super) struct Observation {
    started: Instant,
    method: &'static str,
    route: Option<MatchedPath>,
    id: RequestId,
    span: Span,
    _in_flight: InFlight,
}

impl Observation {
    pub(super) fn begin(request: &mut Request) -> Self {
        let id = RequestId::of(request.headers());
        let method = method_label(request.method());
        // The pattern, not the path: there are as many paths as videos.
        let route = request.extensions().get::<MatchedPath>().cloned();
        // For those who debug: a span costs a vote more than its own rules do. An error that is answered
        // names its request in the log without one.
        let span = tracing::debug_span!("request", method, route = label(route.as_ref()), request_id = %id);
        request.extensions_mut().insert(id.clone());
        Self { started: Instant::now(), method, route, id, span, _in_flight: InFlight::one_more() }
    }

    /// Lets whatever is logged meanwhile name the request.
    pub(super) fn around<T>(&self, answer: impl Future<Output = T>) -> impl Future<Output = T> {
        self.id.clone().during(answer.instrument(self.span.clone()))
    }

    /// Returns what such answers are counted by.
    pub(super) fn end(self, response: &mut Response) -> Arc<Tally> {
        let status = response.status().as_u16();
        let elapsed = self.started.elapsed();
        let tally = TALLIES.of(self.method, label(self.route.as_ref()), status);
        tally.add(elapsed);
        self.span.in_scope(|| tracing::debug!(status, ms = elapsed.as_millis() as u64, "answered"));
        response.headers_mut().insert(HEADER, self.id.into_header());
        tally
    }
}

fn label(route: Option<&MatchedPath>) -> &str {
    route.map_or(UNMATCHED, MatchedPath::as_str)
}

struct InFlight;

static IN_FLIGHT: LazyLock<Gauge> =
    LazyLock::new(|| metrics::gauge!("anb_http_requests_in_flight"));

impl InFlight {
    fn one_more() -> Self {
        IN_FLIGHT.increment(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        IN_FLIGHT.decrement(1.0);
    }
}

/// The counters of each kind of answer, looked up by their labels only once. There are as many as
/// routes, methods and statuses that were met.
#[derive(Default)]
struct Tallies(RwLock<HashMap<String, Vec<Arc<Tally>>>>);

static TALLIES: LazyLock<Tallies> = LazyLock::new(Tallies::default);

/// What answers of one kind are counted by.
pub(crate) struct Tally {
    method: &'static str,
    route: String,
    status: u16,
    answers: Counter,
    seconds: Histogram,
}

impl Tallies {
    fn of(&self, method: &'static str, route: &str, status: u16) -> Arc<Tally> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let of_kind = |tally: &&Arc<Tally>| tally.method == method && tally.status == status;
        if let Some(tally) = known.get(route).and_then(|all| all.iter().find(of_kind)) {
            return Arc::clone(tally);
        }
        drop(known);
        let new = Arc::new(Tally::new(method, route, status));
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let all = known.entry(route.to_owned()).or_default();
        // Two requests may be the first of their kind.
        if !all.iter().any(|tally| of_kind(&tally)) {
            all.push(Arc::clone(&new));
        }
        new
    }
}

impl Tally {
    fn new(method: &'static str, route: &str, status: u16) -> Self {
        let route = route.to_owned();
        Self {
            method,
            route: route.clone(),
            status,
            answers: metrics::counter!(
                "anb_http_requests_total",
                "method" => method, "route" => route.clone(), "status" => status.to_string()
            ),
            seconds: metrics::histogram!(
                "anb_http_request_seconds", "method" => method, "route" => route
            ),
        }
    }

    /// One more, which took so long.
    fn add(&self, elapsed: Duration) {
        self.answers.increment(1);
        self.seconds.record(elapsed.as_secs_f64());
    }

    /// One more of a request that is not observed otherwise.
    pub(crate) fn note(&self, started: Instant, id: &RequestId) {
        let elapsed = started.elapsed();
        self.add(elapsed);
        let Self { method, route, status, .. } = self;
        tracing::debug!(method, route, status, request_id = %id, ms = elapsed.as_millis() as u64, "answered");
    }
}

/// Anybody may invent methods; a metric's labels must stay few.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
