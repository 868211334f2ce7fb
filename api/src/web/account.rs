//! `GET /me/account`, and `POST /me/account`: erases the account.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use commands::Commands;
use http::StatusCode;
use maud::html;
use projections::queries::Queries;

use super::form::{Field, FormState};
use super::layout::Page;
use super::page_context::{PageContext, SignedIn};
use super::session;
use crate::authenticator::Authenticator;
use crate::error::{ApiError, AuthError};
use crate::extract::{RequestContext, WebForm};
use crate::routes::command_response::failed;
use crate::routes::me::erase::parse;
use crate::state::PublicUrl;

pub(super) async fn form(
    State(queries): State<Queries>,
    SignedIn { ctx, account }: SignedIn,
) -> Result<Response, ApiError> {
    let operator = queries.is_operator(account).await?;
    Ok(show(&ctx, &FormState::default(), StatusCode::OK, operator))
}

pub(super) async fn erase(
    State(commands): State<Commands>,
    State(authenticator): State<Arc<Authenticator>>,
    State(public_url): State<PublicUrl>,
    SignedIn { ctx, account }: SignedIn,
    RequestContext(context): RequestContext,
    form: WebForm,
) -> Result<Response, ApiError> {
    let password = match parse(&form.object()) {
        Ok(password) => password,
        Err(ApiError::Validation(problems)) => {
            let form_state = FormState::invalid(form, &ctx, &problems);
            return Ok(show(&ctx, &form_state, StatusCode::UNPROCESSABLE_ENTITY, false));
        }
        Err(error) => return Err(error),
    };
    let erased = commands.erase(&context, account, &password).await;
    match erased.map_err(failed(|_| AuthError::AccountGone)) {
        Ok(_) => {
            authenticator.forget_accounts();
            Ok(session::end(&public_url, "/sign-in?gone=1"))
        }
        Err(ApiError::Auth(AuthError::WrongPassword)) => {
            let form_state = FormState::with_error(form, "password", ctx.messages().wrong_password);
            Ok(show(&ctx, &form_state, StatusCode::FORBIDDEN, false))
        }
        Err(error) => Err(error),
    }
}

/// The page has a link to `/operations` if the account is an operator.
fn show(ctx: &PageContext, form_state: &FormState, status: StatusCode, operator: bool) -> Response {
    let messages = ctx.messages();
    Page::new(ctx, messages.account).status(status).render(&html! {
        div.narrow {
            h1 { (messages.account) }
            @if operator { p { a.button href="/operations" { (messages.operations) } } }
            (form_state.summary(messages))
            form.card method="post" action="/me/account" novalidate {
                h2 { (messages.delete_account) }
                p { (messages.delete_account_explained) }
                (form_state.field(&Field::current_password(messages)))
                button.primary.danger { (messages.delete_account_yes) }
            }
        }
    })
}
