//! The account that a request acts for.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use domain::AccountId;
use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::authenticator::Authenticator;
use crate::error::{ApiError, AuthError};

/// The account whose valid access token the `Authorization` header carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Actor(pub(crate) AccountId);

impl<S: Send + Sync> FromRequestParts<S> for Actor
where
    Arc<Authenticator>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let header = parts.headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or("?"));
        let token = bearer_token(header)?;
        Arc::<Authenticator>::from_ref(state).account_of(token).await.map(Self)
    }
}

/// The token in an `Authorization` header. The scheme's letter case does not matter (RFC 9110,
/// section 11.1).
fn bearer_token(header: Option<&str>) -> Result<&str, ApiError> {
    let header = header.unwrap_or_default();
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    let token = token.trim();
    if !scheme.is_empty() && !scheme.eq_ignore_ascii_case("bearer") {
        return Err(AuthError::WrongScheme.into());
    }
    if scheme.is_empty() || token.is_empty() {
        return Err(AuthError::NotAuthenticated.into());
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_bearer_scheme_is_accepted() {
        for header in ["Bearer abc", "bearer abc", "BEARER   abc "] {
            assert_eq!(bearer_token(Some(header)).ok(), Some("abc"), "{header}");
        }
        for header in [None, Some(""), Some("Bearer"), Some("Bearer "), Some(" abc")] {
            let refused = bearer_token(header);
            assert!(
                matches!(refused, Err(ApiError::Auth(AuthError::NotAuthenticated))),
                "{header:?}"
            );
        }
        for header in ["Basic YTpi", "Token abc", "Bearerabc", "Basic"] {
            let refused = bearer_token(Some(header));
            assert!(matches!(refused, Err(ApiError::Auth(AuthError::WrongScheme))), "{header}");
        }
    }
}
