//! `GET` and `POST /sign-in`, `POST /sign-out`, `POST /language`

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use commands::Commands;
use http::{StatusCode, Uri};
use maud::html;

use super::form::{Field, FormState};
use super::language::Language;
use super::layout::Page;
use super::page_context::PageContext;
use super::redirect::local_path;
use super::session;
use crate::authenticator::Authenticator;
use crate::error::{ApiError, AuthError};
use crate::extract::{QueryFields, WebForm};
use crate::routes::auth::login::parse;
use crate::routes::command_response::failed;
use crate::state::PublicUrl;

pub(super) async fn form(ctx: PageContext, uri: Uri) -> Response {
    let mut query = QueryFields::of(&uri);
    let next = query.take("next").unwrap_or_default();
    let messages = ctx.messages();
    let notice = if query.has("pending") {
        Some(messages.registered_pending)
    } else if query.has("gone") {
        Some(messages.account_deleted)
    } else {
        None
    };
    show(&ctx, &FormState::default(), &next, notice, StatusCode::OK)
}

pub(super) async fn submit(
    State(commands): State<Commands>,
    State(authenticator): State<Arc<Authenticator>>,
    State(public_url): State<PublicUrl>,
    ctx: PageContext,
    form: WebForm,
) -> Result<Response, ApiError> {
    let next = form.text("next").to_owned();
    let (email, password) = match parse(&form.object()) {
        Ok(parsed) => parsed,
        Err(ApiError::Validation(problems)) => {
            let form_state = FormState::invalid(form, &ctx, &problems);
            return Ok(show(&ctx, &form_state, &next, None, StatusCode::UNPROCESSABLE_ENTITY));
        }
        Err(error) => return Err(error),
    };
    let found = commands.login(&email, &password).await;
    match found.map_err(failed(|_| AuthError::WrongCredentials))? {
        Some(account) => session::start(&authenticator, &public_url, account, local_path(&next)),
        None => {
            let form_state = FormState::with_error(form, "email", ctx.messages().wrong_credentials);
            Ok(show(&ctx, &form_state, &next, None, StatusCode::UNAUTHORIZED))
        }
    }
}

pub(super) async fn sign_out(State(public_url): State<PublicUrl>) -> Response {
    session::end(&public_url, "/")
}

pub(super) async fn set_language(State(public_url): State<PublicUrl>, form: WebForm) -> Response {
    let chosen = Language::of(Some(form.text("language")), &http::HeaderMap::new());
    session::set_language(&public_url, chosen, local_path(form.text("next")))
}

fn show(
    ctx: &PageContext,
    form_state: &FormState,
    next: &str,
    notice: Option<&str>,
    status: StatusCode,
) -> Response {
    let messages = ctx.messages();
    let email = Field {
        name: "email",
        label: messages.email,
        kind: "email",
        autocomplete: "username",
        hint: None,
    };
    Page::new(ctx, messages.sign_in).status(status).render(&html! {
        div.narrow {
            h1 { (messages.sign_in) }
            @if let Some(notice) = notice { p.notice role="status" { (notice) } }
            (form_state.summary(messages))
            form.card method="post" action="/sign-in" novalidate {
                input type="hidden" name="next" value=(next);
                (form_state.field(&email))
                (form_state.field(&Field::current_password(messages)))
                button.primary { (messages.sign_in) }
            }
            p { (messages.no_account) " " a href="/sign-up" { (messages.sign_up) } }
        }
    })
}
