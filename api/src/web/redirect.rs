//! Redirects between pages.

use axum::response::{IntoResponse, Redirect, Response};

/// 303: the browser loads `path` with GET, as after a form.
pub(super) fn see_other(path: &str) -> Response {
    Redirect::to(path).into_response()
}

/// To the sign-in page, and from there to `next`.
pub(super) fn sign_in(next: &str) -> Response {
    let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    see_other(&format!("/sign-in?next={next}"))
}

/// `path` if it is a path of this site, else `/`. Prevents redirects to other sites.
pub(super) fn local_path(path: &str) -> &str {
    let foreign = path.starts_with("//") || path.contains(['\\', '\r', '\n', '\t']);
    if path.starts_with('/') && !foreign { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_to_another_site_is_replaced() {
        for good in ["/", "/me/videos?a=b#c"] {
            assert_eq!(local_path(good), good);
        }
        for bad in
            ["", "//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil", "x"]
        {
            assert_eq!(local_path(bad), "/", "{bad:?}");
        }
    }
}
