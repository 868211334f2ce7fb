//! `GET` and `POST /me/account`: one leaves for good.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use maud::html;

use super::form::{Field, FormState};
use super::layout::Page;
use super::page_context::{PageContext, SignedIn};
use super::session;
use super::sign_in::{see_other, with_cookie};
use crate::app::Shared;
use crate::error::ApiError;
use crate::extract::{Circumstances, WebForm};
use crate::routes::me::erase::parse;
use crate::routes::pending::failed;

pub(super) async fn form(
    State(state): State<Shared>,
    SignedIn { ctx, account }: SignedIn,
) -> Result<Response, ApiError> {
    let operator = state.app.queries.is_operator(account).await?;
    Ok(show(&ctx, &FormState::default(), StatusCode::OK, operator))
}

pub(super) async fn erase(
    State(state): State<Shared>,
    SignedIn { ctx, account }: SignedIn,
    Circumstances(context): Circumstances,
    form: WebForm,
) -> Result<Response, ApiError> {
    let password = match parse(form.object()) {
        Ok(password) => password,
        Err(ApiError::Validation(problems)) => {
            let form_state = FormState::invalid(form, &ctx, &problems);
            return Ok(show(&ctx, &form_state, StatusCode::UNPROCESSABLE_ENTITY, false));
        }
        Err(error) => return Err(error),
    };
    let erased = state.app.commands.erase(&context, account, &password).await;
    match erased.map_err(failed(|_| ApiError::AccountGone)) {
        Ok(_) => {
            state.people.forget();
            Ok(with_cookie(see_other("/sign-in?gone=1"), session::end_cookie(state.secure())))
        }
        Err(ApiError::WrongPassword) => {
            let form_state = FormState::with_error(form, "password", ctx.messages().wrong_password);
            Ok(show(&ctx, &form_state, StatusCode::FORBIDDEN, false))
        }
        Err(error) => Err(error),
    }
}

/// Operators find the way to their page here.
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
