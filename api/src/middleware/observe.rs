//! Counts, times and names every request. Neither query strings nor bodies are logged: they may
//! carry personal data or signatures.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use tracing::Instrument;

use super::request_id::{HEADER, RequestId};

/// Sits outside everything else.
pub(crate) async fn observe(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    let method = method_label(request.method());
    // The pattern, not the path: there are as many paths as videos.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let span = tracing::info_span!("request", method, route, request_id = %id);
    request.extensions_mut().insert(id.clone());

    let in_flight = metrics::gauge!("anb_http_requests_in_flight");
    in_flight.increment(1.0);
    let _leaves = scopeguard(move || in_flight.decrement(1.0));
    let mut response = next.run(request).instrument(span.clone()).await;

    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    metrics::counter!(
        "anb_http_requests_total",
        "method" => method, "route" => route.clone(), "status" => status.to_string()
    )
    .increment(1);
    metrics::histogram!("anb_http_request_seconds", "method" => method, "route" => route)
        .record(elapsed.as_secs_f64());
    span.in_scope(|| tracing::debug!(status, ms = elapsed.as_millis() as u64, "answered"));
    if let Some(value) = id.header_value() {
        response.headers_mut().insert(HEADER, value);
    }
    response
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

/// Runs `leave` when dropped, also when the client goes away in the middle.
fn scopeguard<F: FnMut()>(leave: F) -> impl Drop {
    struct Guard<F: FnMut()>(F);
    impl<F: FnMut()> Drop for Guard<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    Guard(leave)
}
