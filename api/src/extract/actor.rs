//! Who asks: the bearer of a valid token whose account still exists.

use std::time::Duration;

use axum::extract::FromRequestParts;
use domain::AccountId;
use http::header::AUTHORIZATION;
use http::request::Parts;
use moka::sync::Cache;

use crate::app::Shared;
use crate::error::ApiError;

const REMEMBERED: u64 = 100_000;
/// How long a person who has just been forgotten may still act.
const TTL: Duration = Duration::from_secs(60);

/// The account that a request acts for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Actor(pub(crate) AccountId);

/// People who were there when last looked for. Absent ones are looked for each time: they may have
/// signed up in between.
pub(crate) struct People(Cache<AccountId, ()>);

impl Default for People {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(REMEMBERED).time_to_live(TTL).build())
    }
}

impl FromRequestParts<Shared> for Actor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, ApiError> {
        let header = parts.headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or("?"));
        let token = bearer_token(header)?;
        let account = state.tokens.verify(token).map_err(|_| ApiError::TokenInvalid)?;
        if state.people.0.contains_key(&account) {
            return Ok(Self(account));
        }
        if !state.app.queries.person_exists(account).await? {
            return Err(ApiError::AccountGone);
        }
        state.people.0.insert(account, ());
        Ok(Self(account))
    }
}

/// The token in an `Authorization` header. The scheme's letter case does not matter (RFC 9110,
/// section 11.1).
fn bearer_token(header: Option<&str>) -> Result<&str, ApiError> {
    let header = header.unwrap_or_default();
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    let token = token.trim();
    if !scheme.is_empty() && !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ApiError::WrongScheme);
    }
    if scheme.is_empty() || token.is_empty() {
        return Err(ApiError::NotAuthenticated);
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_token_is_looked_at() {
        for header in ["Bearer abc", "bearer abc", "BEARER   abc "] {
            assert_eq!(bearer_token(Some(header)).ok(), Some("abc"), "{header}");
        }
        for header in [None, Some(""), Some("Bearer"), Some("Bearer "), Some(" abc")] {
            let refused = bearer_token(header);
            assert!(matches!(refused, Err(ApiError::NotAuthenticated)), "{header:?}");
        }
        for header in ["Basic YTpi", "Token abc", "Bearerabc", "Basic"] {
            let refused = bearer_token(Some(header));
            assert!(matches!(refused, Err(ApiError::WrongScheme)), "{header}");
        }
    }
}
