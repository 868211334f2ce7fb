//! Who asks for a page, and in which language.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, OriginalUri};
use axum::response::{IntoResponse, Redirect, Response};
use domain::AccountId;
use http::HeaderMap;
use http::request::Parts;

use super::language::Language;
use super::messages::Messages;
use crate::authenticator::Authenticator;
use crate::error::ApiError;
use crate::extract::Cookies;

/// A request for a page.
pub(super) struct PageContext {
    pub(super) language: Language,
    /// Who has signed in.
    pub(super) account: Option<AccountId>,
    /// The path and query that were asked for.
    pub(super) path_and_query: String,
    pub(super) headers: HeaderMap,
}

impl PageContext {
    pub(super) fn messages(&self) -> &'static Messages {
        self.language.messages()
    }

    /// Whoever is signed in, on a page that others see, too.
    pub(super) fn require_account(&self) -> Result<AccountId, Box<Response>> {
        self.account.ok_or_else(|| Box::new(self.redirect_to_sign_in(&self.path_and_query)))
    }

    /// Off to sign in, and then to `next`.
    pub(super) fn redirect_to_sign_in(&self, next: &str) -> Response {
        let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        Redirect::to(&format!("/sign-in?next={next}")).into_response()
    }
}

/// A visit of somebody who has signed in. Everybody else is asked to sign in, and then comes back.
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
        Ok(Self {
            language: Language::of(cookies.language.as_deref(), &parts.headers),
            account,
            path_and_query: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            headers: parts.headers.clone(),
        })
    }
}

/// A page of ours to go on to; anything else is the front page.
pub(super) fn local_path(path: &str) -> &str {
    let foreign = path.starts_with("//") || path.contains(['\\', '\r', '\n', '\t']);
    if path.starts_with('/') && !foreign { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_site() {
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
