//! Who uploads, and which way they came.

use axum::extract::FromRequestParts;
use domain::AccountId;
use http::request::Parts;

use crate::app::Shared;
use crate::error::ApiError;
use crate::extract::Actor;
use crate::web;

/// Somebody who uploads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uploader {
    pub(super) account: AccountId,
    /// Where their uploads are.
    pub(super) folder: &'static str,
}

impl FromRequestParts<Shared> for Uploader {
    type Rejection = ApiError;

    /// A cookie counts on the pages' own paths alone, which take nothing from other sites.
    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, ApiError> {
        if parts.uri.path().starts_with("/me/") {
            let account = web::signed_in(state, &parts.headers).await?;
            let account = account.ok_or(ApiError::NotAuthenticated)?;
            return Ok(Self { account, folder: "/me/uploads" });
        }
        let Actor(account) = Actor::from_request_parts(parts, state).await?;
        Ok(Self { account, folder: "/api/uploads" })
    }
}
