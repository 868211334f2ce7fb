//! Headers that browsers heed: cross-origin access, and what a page may do.

use std::time::Duration;

use crate::http_settings::CorsOrigins;
use axum::response::Response;
use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    LOCATION, ORIGIN, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::app::StartError;
use crate::routes::uploads::headers as uploads;

/// Which pages may call, and what of the answers they may see. Never with credentials: tokens travel
/// in a header that a page sets itself.
pub(crate) fn cors(origins: &CorsOrigins) -> Result<CorsLayer, StartError> {
    let allowed = match origins {
        CorsOrigins::Any => AllowOrigin::any(),
        CorsOrigins::Only(origins) => {
            let parse = |origin: &String| {
                HeaderValue::from_str(origin).map_err(|_| StartError::BadOrigin(origin.clone()))
            };
            AllowOrigin::list(origins.iter().map(parse).collect::<Result<Vec<_>, _>>()?)
        }
    };
    // An answer that is the same for every page must not be kept once for each.
    let vary = match origins {
        CorsOrigins::Any => Vec::new(),
        CorsOrigins::Only(_) => vec![ORIGIN],
    };
    let request_id = HeaderName::from_static("x-request-id");
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
            request_id,
            ETAG,
            LOCATION,
            RETRY_AFTER,
            CONTENT_RANGE,
            CONTENT_LENGTH,
            ACCEPT_RANGES,
            uploads::RESUMABLE,
            uploads::VERSION,
            uploads::EXTENSION,
            uploads::MAX_SIZE,
            uploads::ALGORITHM,
            uploads::OFFSET,
            uploads::LENGTH,
            uploads::METADATA,
            uploads::EXPIRES,
            uploads::VIDEO,
        ])
        .max_age(Duration::from_secs(600)))
}

/// Keeps browsers from guessing types, from framing us, and from running anything that an answer
/// may contain. Pages that need more bring a policy of their own.
pub(super) fn secure(response: &mut Response) {
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
