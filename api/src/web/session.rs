//! Cookies: the session, and the chosen language.
//!
//! The session is an access token that scripts cannot read (`HttpOnly`) and that other sites' requests
//! do not carry beyond following a link (`SameSite=Lax`). The API takes no cookies, so that it needs no
//! protection against forged requests; the pages' own forms have one (see [`super::same_origin`]).

use cookie::{Cookie, SameSite};
use http::HeaderValue;

use super::language::Language;
use crate::extract::cookies::{LANGUAGE_COOKIE, SESSION_COOKIE};

const ONE_YEAR_SECONDS: i64 = 365 * 24 * 60 * 60;

/// Begins a session. `secure` keeps it off plain HTTP.
pub(super) fn start_cookie(token: &str, seconds: u64, secure: bool) -> HeaderValue {
    let seconds = i64::try_from(seconds).unwrap_or(ONE_YEAR_SECONDS);
    header(cookie(SESSION_COOKIE, token, seconds, secure))
}

/// Ends the session.
pub(super) fn end_cookie(secure: bool) -> HeaderValue {
    header(cookie(SESSION_COOKIE, "", 0, secure))
}

/// Keeps the chosen language.
pub(super) fn language_cookie(language: Language, secure: bool) -> HeaderValue {
    header(cookie(LANGUAGE_COOKIE, language.tag(), ONE_YEAR_SECONDS, secure))
}

fn cookie<'a>(name: &'a str, value: &'a str, seconds: i64, secure: bool) -> Cookie<'a> {
    Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(secure)
        .max_age(cookie::time::Duration::seconds(seconds))
        .build()
}

fn header(cookie: Cookie<'_>) -> HeaderValue {
    // Tokens and language tags are fit for a header.
    HeaderValue::try_from(cookie.to_string()).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::Cookies;
    use http::HeaderMap;
    use http::header::COOKIE;

    #[test]
    fn a_session_comes_back_and_scripts_cannot_read_it() {
        let set = start_cookie("a.b-c_d", 60, true);
        let set = set.to_str().unwrap();
        for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=60"] {
            assert!(set.contains(attribute), "{attribute} in {set}");
        }
        let sent = format!("other=1; {}; anb_language=en", set.split(';').next().unwrap());
        let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(&sent).unwrap())]);
        let found = Cookies::of(&headers);
        assert_eq!(found.session.as_deref(), Some("a.b-c_d"));
        assert_eq!(found.language.as_deref(), Some("en"));
        assert!(end_cookie(false).to_str().unwrap().contains("Max-Age=0"));
    }
}
