//! Sessions and the chosen language, in cookies.
//!
//! The session cookie holds an access token. Scripts cannot read it (`HttpOnly`). Other sites' requests
//! carry it only when the user follows a link (`SameSite=Lax`). The API ignores cookies, so it needs no
//! protection against cross-site request forgery. The forms of the pages have one: [`super::same_origin`].

use axum::response::Response;
use cookie::{Cookie, SameSite};
use domain::AccountId;
use http::HeaderValue;
use http::header::SET_COOKIE;

use super::language::Language;
use super::redirect::see_other;
use crate::authenticator::Authenticator;
use crate::error::ApiError;
use crate::extract::cookies::{LANGUAGE_COOKIE, SESSION_COOKIE};
use crate::state::PublicUrl;

const ONE_YEAR_SECONDS: i64 = 365 * 24 * 60 * 60;

/// Starts a session of `account` and redirects to `next`.
pub(super) fn start(
    authenticator: &Authenticator,
    public_url: &PublicUrl,
    account: AccountId,
    next: &str,
) -> Result<Response, ApiError> {
    let token = authenticator.issue(account)?;
    let seconds = i64::try_from(authenticator.lifetime_seconds()).unwrap_or(ONE_YEAR_SECONDS);
    Ok(with_cookie(next, cookie(SESSION_COOKIE, &token, seconds, public_url.is_https())))
}

/// Ends the session and redirects to `next`.
pub(super) fn end(public_url: &PublicUrl, next: &str) -> Response {
    with_cookie(next, cookie(SESSION_COOKIE, "", 0, public_url.is_https()))
}

/// Stores the chosen language for one year and redirects to `next`.
pub(super) fn set_language(public_url: &PublicUrl, language: Language, next: &str) -> Response {
    let secure = public_url.is_https();
    with_cookie(next, cookie(LANGUAGE_COOKIE, language.tag(), ONE_YEAR_SECONDS, secure))
}

fn with_cookie(next: &str, cookie: HeaderValue) -> Response {
    let mut response = see_other(next);
    response.headers_mut().append(SET_COOKIE, cookie);
    response
}

/// With `secure`, browsers never send the cookie over plain HTTP.
fn cookie(name: &str, value: &str, seconds: i64, secure: bool) -> HeaderValue {
    let cookie = Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(secure)
        .max_age(cookie::time::Duration::seconds(seconds))
        .build();
    // Tokens and language tags consist of characters that a header may hold.
    HeaderValue::try_from(cookie.to_string()).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::Cookies;
    use http::HeaderMap;
    use http::header::COOKIE;

    #[test]
    fn a_session_cookie_is_read_back_and_hidden_from_scripts() {
        let set = cookie(SESSION_COOKIE, "a.b-c_d", 60, true);
        let set = set.to_str().unwrap();
        for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=60"] {
            assert!(set.contains(attribute), "{attribute} in {set}");
        }
        let sent = format!("other=1; {}; anb_language=en", set.split(';').next().unwrap());
        let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(&sent).unwrap())]);
        let found = Cookies::of(&headers);
        assert_eq!(found.session.as_deref(), Some("a.b-c_d"));
        assert_eq!(found.language.as_deref(), Some("en"));
        let ended = end(&PublicUrl("http://anb.example".into()), "/");
        assert!(ended.headers()[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    }
}
