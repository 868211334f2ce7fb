//! Names, counts and times each request. Query strings and bodies are never logged: they may carry
//! personal data or signatures.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use metrics::Gauge;
use tracing::{Instrument, Span};

use crate::request_id::{HEADER, RequestId};
use crate::request_metrics::{RequestMetrics, method_label};

/// The `route` label of a request that matches no route.
const UNMATCHED: &str = "unmatched";

/// Observes one request in flight. Dropped early if the client disconnects.
pub(super) struct RequestObserver {
    started: Instant,
    method: &'static str,
    route: Option<MatchedPath>,
    id: RequestId,
    span: Span,
    _in_flight: InFlight,
}

impl RequestObserver {
    /// Starts to observe, and puts the [`RequestId`] among the request's extensions.
    pub(super) fn start(request: &mut Request) -> Self {
        let id = RequestId::of(request.headers());
        let method = method_label(request.method());
        let route = request.extensions().get::<MatchedPath>().cloned();
        // At debug level only: a span costs more than the rules of a vote. The log line of an error
        // carries the request id without it.
        let span = tracing::debug_span!("request", method, route = label(route.as_ref()), request_id = %id);
        request.extensions_mut().insert(id.clone());
        Self { started: Instant::now(), method, route, id, span, _in_flight: InFlight::new() }
    }

    /// Runs `answer` inside the request's span, with its id as the current one.
    pub(super) fn observe<T>(&self, answer: impl Future<Output = T>) -> impl Future<Output = T> {
        self.id.clone().scope(answer.instrument(self.span.clone()))
    }

    /// Records the response and adds the request id to it. Returns the metrics it was recorded in.
    pub(super) fn finish(self, response: &mut Response) -> Arc<RequestMetrics> {
        let status = response.status().as_u16();
        let elapsed = self.started.elapsed();
        let metrics = RequestMetrics::get(self.method, label(self.route.as_ref()), status);
        metrics.record(elapsed);
        let elapsed_ms = elapsed.as_millis() as u64;
        self.span.in_scope(|| tracing::debug!(status, elapsed_ms, "request answered"));
        response.headers_mut().insert(HEADER, self.id.into_header());
        metrics
    }
}

fn label(route: Option<&MatchedPath>) -> &str {
    route.map_or(UNMATCHED, MatchedPath::as_str)
}

/// Counts a request in the gauge until it is dropped.
struct InFlight;

static IN_FLIGHT: LazyLock<Gauge> =
    LazyLock::new(|| metrics::gauge!("anb_http_requests_in_flight"));

impl InFlight {
    fn new() -> Self {
        IN_FLIGHT.increment(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        IN_FLIGHT.decrement(1.0);
    }
}
