//! Counts and times answered requests, by method, route and status.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use http::Method;
use metrics::{Counter, Histogram};

use crate::request_id::RequestId;

/// The counter and the histogram of one combination of method, route and status.
pub(crate) struct RequestMetrics {
    method: &'static str,
    route: String,
    status: u16,
    requests: Counter,
    seconds: Histogram,
}

/// All of them, so that labels are looked up once per combination. Their number is bounded by the
/// routes, methods and statuses that occur.
static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::default);

#[derive(Default)]
struct Registry(RwLock<HashMap<String, Vec<Arc<RequestMetrics>>>>);

impl Registry {
    fn get(&self, method: &'static str, route: &str, status: u16) -> Arc<RequestMetrics> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let matches =
            |known: &&Arc<RequestMetrics>| known.method == method && known.status == status;
        if let Some(metrics) = known.get(route).and_then(|all| all.iter().find(matches)) {
            return Arc::clone(metrics);
        }
        drop(known);
        let new = Arc::new(RequestMetrics::new(method, route, status));
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let all = known.entry(route.to_owned()).or_default();
        // Two requests may race to be the first of a combination.
        if !all.iter().any(|known| matches(&known)) {
            all.push(Arc::clone(&new));
        }
        new
    }
}

impl RequestMetrics {
    /// The metrics of this combination. `route` is the pattern, never the path: labels must be few.
    pub(crate) fn get(method: &'static str, route: &str, status: u16) -> Arc<Self> {
        REGISTRY.get(method, route, status)
    }

    fn new(method: &'static str, route: &str, status: u16) -> Self {
        let route = route.to_owned();
        Self {
            method,
            route: route.clone(),
            status,
            requests: metrics::counter!(
                "anb_http_requests_total",
                "method" => method, "route" => route.clone(), "status" => status.to_string()
            ),
            seconds: metrics::histogram!(
                "anb_http_request_seconds", "method" => method, "route" => route
            ),
        }
    }

    /// Counts one request that took `elapsed`.
    pub(crate) fn record(&self, elapsed: Duration) {
        self.requests.increment(1);
        self.seconds.record(elapsed.as_secs_f64());
    }

    /// Counts and logs one request that skipped the middleware.
    pub(crate) fn record_cached(&self, started: Instant, id: &RequestId) {
        let elapsed = started.elapsed();
        self.record(elapsed);
        let Self { method, route, status, .. } = self;
        let elapsed_ms = elapsed.as_millis() as u64;
        tracing::debug!(method, route, status, request_id = %id, elapsed_ms, "request answered");
    }
}

/// The `method` label. Clients may invent methods, and labels must be few.
pub(crate) fn method_label(method: &Method) -> &'static str {
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
