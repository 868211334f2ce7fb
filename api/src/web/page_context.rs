//! The context of a page: language, signed-in account, URL and headers of the request.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, OriginalUri};
use axum::response::{IntoResponse, Response};
use domain::AccountId;
use http::request::Parts;
use http::{HeaderMap, Uri};
use maud::{Markup, html};

use super::language::Language;
use super::messages::Messages;
use super::redirect;
use crate::authenticator::Authenticator;
use crate::error::ApiError;
use crate::extract::Cookies;

/// What the rendering of a page depends on, besides its content.
pub(super) struct PageContext {
    pub(super) language: Language,
    /// The signed-in account.
    pub(super) account: Option<AccountId>,
    /// The path and query of the request.
    pub(super) path_and_query: String,
    pub(super) headers: HeaderMap,
}

impl PageContext {
    /// The context of a request. `cookies` are those in `headers`.
    pub(super) fn new(
        uri: &Uri,
        headers: &HeaderMap,
        cookies: &Cookies,
        account: Option<AccountId>,
    ) -> Self {
        Self {
            language: Language::of(cookies.language.as_deref(), headers),
            account,
            path_and_query: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            headers: headers.clone(),
        }
    }

    pub(super) fn messages(&self) -> &'static Messages {
        self.language.messages()
    }

    /// The signed-in account, or a redirect to the sign-in page that leads back to this page.
    pub(super) fn require_account(&self) -> Result<AccountId, Box<Response>> {
        self.account.ok_or_else(|| Box::new(redirect::sign_in(&self.path_and_query)))
    }

    /// A number of votes with its noun, such as `2 votes`.
    pub(super) fn vote_count(&self, votes: u64) -> Markup {
        let messages = self.messages();
        let noun = if votes == 1 { messages.vote_one } else { messages.votes };
        html! { strong { (self.language.number(votes)) } " " (noun) }
    }
}

/// The context of a page that requires an account. Other requests are redirected to the sign-in page.
pub(super) struct SignedIn {
    pub(super) ctx: PageContext,
    pub(super) account: AccountId,
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn
where
    Arc<Authenticator>: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let ctx = PageContext::from_request_parts(parts, state).await;
        let ctx = ctx.map_err(IntoResponse::into_response)?;
        let account = ctx.require_account().map_err(|redirect| *redirect)?;
        Ok(Self { ctx, account })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PageContext
where
    Arc<Authenticator>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let cookies = Cookies::of(&parts.headers);
        let account = cookies.account(&Arc::<Authenticator>::from_ref(state)).await?;
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
        Ok(Self::new(uri, &parts.headers, &cookies, account))
    }
}
