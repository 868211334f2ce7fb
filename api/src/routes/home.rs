//! `GET /`: where to go from here.

use axum::response::{Html, IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_SECURITY_POLICY;

const PAGE: &str = include_str!("../../assets/home.html");

pub(crate) async fn home() -> Response {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    ([(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy))], Html(PAGE)).into_response()
}
