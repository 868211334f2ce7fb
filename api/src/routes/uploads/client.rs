//! Who uploads, and under which path.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use domain::AccountId;
use http::request::Parts;

use crate::authenticator::Authenticator;
use crate::error::{ApiError, AuthError};
use crate::extract::{Actor, Cookies};
use crate::tus::version::TusVersion;

/// A client that speaks the supported version of tus, and has authenticated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TusClient {
    pub(super) account: AccountId,
    /// The path under which the client finds its uploads.
    pub(super) folder: &'static str,
}

impl<S: Send + Sync> FromRequestParts<S> for TusClient
where
    Arc<Authenticator>: FromRef<S>,
{
    type Rejection = ApiError;

    /// The session cookie counts on the paths of our pages only: these reject requests of other sites.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let TusVersion = TusVersion::from_request_parts(parts, state).await?;
        if parts.uri.path().starts_with("/me/") {
            let authenticator = Arc::<Authenticator>::from_ref(state);
            let account = Cookies::of(&parts.headers).account(&authenticator).await?;
            let account = account.ok_or(AuthError::NotAuthenticated)?;
            return Ok(Self { account, folder: "/me/uploads" });
        }
        let Actor(account) = Actor::from_request_parts(parts, state).await?;
        Ok(Self { account, folder: "/api/uploads" })
    }
}
