//! `GET` and `POST /sign-in`, `POST /sign-out`, `POST /language`

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use domain::AccountId;
use http::header::SET_COOKIE;
use http::{HeaderValue, StatusCode, Uri};
use maud::html;

use super::fields::{Draft, Field};
use super::language::Language;
use super::layout::Page;
use super::session;
use super::visit::{Visit, local};
use crate::app::Shared;
use crate::error::ApiError;
use crate::extract::{QueryFields, WebForm};
use crate::routes::auth::login::parse;
use crate::routes::pending::failed;

pub(super) async fn form(visit: Visit, uri: Uri) -> Response {
    let mut query = QueryFields::of(&uri);
    let next = query.take("next").unwrap_or_default();
    let words = visit.words();
    let notice = if query.has("pending") {
        Some(words.registered_pending)
    } else if query.has("gone") {
        Some(words.account_deleted)
    } else {
        None
    };
    show(&visit, &Draft::default(), &next, notice, StatusCode::OK)
}

pub(super) async fn submit(
    State(state): State<Shared>,
    visit: Visit,
    form: WebForm,
) -> Result<Response, ApiError> {
    let next = form.text("next").to_owned();
    let (email, password) = match parse(form.object()) {
        Ok(parsed) => parsed,
        Err(ApiError::Validation(problems)) => {
            let draft = Draft::refused(form, &visit, &problems);
            return Ok(show(&visit, &draft, &next, None, StatusCode::UNPROCESSABLE_ENTITY));
        }
        Err(error) => return Err(error),
    };
    let found = state.app.commands.login(&email, &password).await;
    match found.map_err(failed(|_| ApiError::WrongCredentials))? {
        Some(account) => enter(&state, account, local(&next)),
        None => {
            let draft = Draft::wrong(form, "email", visit.words().wrong_credentials);
            Ok(show(&visit, &draft, &next, None, StatusCode::UNAUTHORIZED))
        }
    }
}

pub(super) async fn leave(State(state): State<Shared>) -> Response {
    with_cookie(then("/"), session::end(state.secure()))
}

pub(super) async fn speak(State(state): State<Shared>, form: WebForm) -> Response {
    let spoken = Language::of(Some(form.text("language")), &http::HeaderMap::new());
    with_cookie(then(local(form.text("next"))), session::speak(spoken, state.secure()))
}

/// Begins a session.
pub(super) fn enter(state: &Shared, account: AccountId, next: &str) -> Result<Response, ApiError> {
    let token =
        state.tokens.issue(account).map_err(|error| ApiError::Internal(error.to_string()))?;
    let cookie = session::begin(&token, state.tokens.lifetime_seconds(), state.secure());
    Ok(with_cookie(then(next), cookie))
}

/// After a form: on to a page, with GET.
pub(super) fn then(path: &str) -> Response {
    Redirect::to(path).into_response()
}

pub(super) fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().append(SET_COOKIE, cookie);
    response
}

fn show(
    visit: &Visit,
    draft: &Draft,
    next: &str,
    notice: Option<&str>,
    status: StatusCode,
) -> Response {
    let words = visit.words();
    let email = Field {
        name: "email",
        label: words.email,
        kind: "email",
        autocomplete: "username",
        hint: None,
    };
    Page::new(visit, words.sign_in).status(status).show(&html! {
        div.narrow {
            h1 { (words.sign_in) }
            @if let Some(notice) = notice { p.notice role="status" { (notice) } }
            (draft.summary(words))
            form.card method="post" action="/sign-in" novalidate {
                input type="hidden" name="next" value=(next);
                (draft.field(&email))
                (draft.field(&Field::current_password(words)))
                button.primary { (words.sign_in) }
            }
            p { (words.no_account) " " a href="/sign-up" { (words.sign_up) } }
        }
    })
}
