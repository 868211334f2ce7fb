//! `GET /metrics`: Prometheus text.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use crate::state::MetricsHandle;

/// Metrics in the Prometheus text format; empty if none are recorded.
#[utoipa::path(
    get, path = "/metrics", tag = "system",
    responses((status = 200, body = String, content_type = "text/plain; version=0.0.4")),
)]
pub(crate) async fn metrics(State(MetricsHandle(metrics)): State<MetricsHandle>) -> Response {
    let text = metrics.map(|metrics| metrics.render()).unwrap_or_default();
    let version = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(CONTENT_TYPE, version)], text).into_response()
}
