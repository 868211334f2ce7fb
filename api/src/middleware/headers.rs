//! Headers for browsers: cross-origin access (CORS) and security policies.

use std::time::Duration;

use crate::http_settings::CorsOrigins;
use axum::response::Response;
use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    LOCATION, ORIGIN, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, Method};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::request_id;
use crate::tus::headers as tus;

/// An allowed origin that is not a valid header value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an origin")]
pub struct InvalidOrigin(String);

/// Which origins may call, and which response headers they may read. Never with credentials: a page
/// sets the header with its token itself.
pub(crate) fn cors(origins: &CorsOrigins) -> Result<CorsLayer, InvalidOrigin> {
    let allowed = match origins {
        CorsOrigins::Any => AllowOrigin::any(),
        CorsOrigins::Only(origins) => {
            let parse = |origin: &String| {
                HeaderValue::from_str(origin).map_err(|_| InvalidOrigin(origin.clone()))
            };
            AllowOrigin::list(origins.iter().map(parse).collect::<Result<Vec<_>, _>>()?)
        }
    };
    // Without `Vary: Origin`, shared caches store one response for all origins.
    let vary = match origins {
        CorsOrigins::Any => Vec::new(),
        CorsOrigins::Only(_) => vec![ORIGIN],
    };
    Ok(CorsLayer::new()
        .allow_origin(allowed)
        .vary(vary)
        .allow_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ])
        // `*` would not cover `Authorization` (Fetch standard, CORS-preflight fetch).
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([
            request_id::HEADER,
            ETAG,
            LOCATION,
            RETRY_AFTER,
            CONTENT_RANGE,
            CONTENT_LENGTH,
            ACCEPT_RANGES,
            tus::RESUMABLE,
            tus::VERSION,
            tus::EXTENSION,
            tus::MAX_SIZE,
            tus::ALGORITHM,
            tus::OFFSET,
            tus::LENGTH,
            tus::METADATA,
            tus::EXPIRES,
            tus::VIDEO,
        ])
        .max_age(Duration::from_secs(600)))
}

/// Forbids browsers to guess types, to frame responses, and to run anything in JSON. A handler that
/// needs another policy sets its own header.
pub(super) fn security_headers(response: &mut Response) {
    let is_json = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    if is_json {
        headers
            .entry(CONTENT_SECURITY_POLICY)
            .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    }
}
