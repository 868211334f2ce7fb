//! The cookies of our pages: the session, which is an access token, and the chosen language.

use cookie::Cookie;
use domain::AccountId;
use http::HeaderMap;
use http::header::COOKIE;

use crate::authenticator::Authenticator;
use crate::error::{ApiError, AuthError};

/// The name of the cookie that holds the session's access token.
pub(crate) const SESSION_COOKIE: &str = "anb_session";
/// The name of the cookie that holds the chosen language.
pub(crate) const LANGUAGE_COOKIE: &str = "anb_language";

/// What the cookies of a request hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Cookies {
    pub(crate) session: Option<String>,
    pub(crate) language: Option<String>,
}

impl Cookies {
    /// The cookies of a request with these headers.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        for cookie in values.flat_map(Cookie::split_parse).flatten() {
            let place = match cookie.name() {
                SESSION_COOKIE => &mut found.session,
                LANGUAGE_COOKIE => &mut found.language,
                _ => continue,
            };
            *place = Some(cookie.value().to_owned());
        }
        found
    }

    /// The account that has signed in; `None` also if its session has ended.
    pub(crate) async fn account(
        &self,
        authenticator: &Authenticator,
    ) -> Result<Option<AccountId>, ApiError> {
        let Some(token) = &self.session else { return Ok(None) };
        match authenticator.account_of(token).await {
            Ok(account) => Ok(Some(account)),
            Err(ApiError::Auth(AuthError::TokenInvalid | AuthError::AccountGone)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
