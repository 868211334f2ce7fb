//! Protection against cross-site request forgery: only our own pages may send forms.
//!
//! Browsers send `Sec-Fetch-Site`; older ones send `Origin`. Other sites can forge neither. A request
//! with neither header is rejected.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Method};

use crate::error::{ApiError, AuthError};

/// Middleware around the routes of the pages: rejects a form from another site.
pub(super) async fn require(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads || is_same_origin(request.headers()) {
        next.run(request).await
    } else {
        ApiError::from(AuthError::ForeignForm).into_response()
    }
}

fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let origin = text(ORIGIN.as_str()).and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, authority)| Some(authority) == text(HOST.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    #[test]
    fn forms_of_other_sites_are_rejected() {
        let from = |pairs: &[(&'static str, &'static str)]| {
            let pair = |(name, value): &(&'static str, &'static str)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            };
            is_same_origin(&pairs.iter().map(pair).collect())
        };
        let host = ("host", "anb.example:8080");
        assert!(from(&[host, ("sec-fetch-site", "same-origin")]));
        assert!(from(&[host, ("origin", "http://anb.example:8080")]));
        for forged in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "none"),
            ("origin", "http://anb.example"),
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("referer", "http://anb.example:8080/"),
        ] {
            assert!(!from(&[host, forged]), "{forged:?}");
        }
        let both = [host, ("origin", "http://anb.example:8080"), ("sec-fetch-site", "cross-site")];
        assert!(!from(&both));
    }
}
