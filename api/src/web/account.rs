//! `GET` and `POST /me/account`: one leaves for good.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use maud::html;

use super::fields::{Draft, Field};
use super::layout::Page;
use super::session;
use super::sign_in::{then, with_cookie};
use super::visit::{SignedIn, Visit};
use crate::app::Shared;
use crate::error::ApiError;
use crate::extract::{Circumstances, WebForm};
use crate::routes::me::erase::parse;
use crate::routes::pending::failed;

pub(super) async fn form(
    State(state): State<Shared>,
    SignedIn { visit, person }: SignedIn,
) -> Result<Response, ApiError> {
    let operator = state.app.queries.is_operator(person).await?;
    Ok(show(&visit, &Draft::default(), StatusCode::OK, operator))
}

pub(super) async fn erase(
    State(state): State<Shared>,
    SignedIn { visit, person }: SignedIn,
    Circumstances(context): Circumstances,
    form: WebForm,
) -> Result<Response, ApiError> {
    let password = match parse(form.object()) {
        Ok(password) => password,
        Err(ApiError::Validation(problems)) => {
            let draft = Draft::refused(form, &visit, &problems);
            return Ok(show(&visit, &draft, StatusCode::UNPROCESSABLE_ENTITY, false));
        }
        Err(error) => return Err(error),
    };
    let erased = state.app.commands.erase(&context, person, &password).await;
    match erased.map_err(failed(|_| ApiError::AccountGone)) {
        Ok(_) => {
            state.people.forget();
            Ok(with_cookie(then("/sign-in?gone=1"), session::end(state.secure())))
        }
        Err(ApiError::WrongPassword) => {
            let draft = Draft::wrong(form, "password", visit.words().wrong_password);
            Ok(show(&visit, &draft, StatusCode::FORBIDDEN, false))
        }
        Err(error) => Err(error),
    }
}

/// Operators find the way to their page here.
fn show(visit: &Visit, draft: &Draft, status: StatusCode, operator: bool) -> Response {
    let words = visit.words();
    Page::new(visit, words.account).status(status).show(&html! {
        div.narrow {
            h1 { (words.account) }
            @if operator { p { a.button href="/operations" { (words.operations) } } }
            (draft.summary(words))
            form.card method="post" action="/me/account" novalidate {
                h2 { (words.delete_account) }
                p { (words.delete_account_explained) }
                (draft.field(&Field::current_password(words)))
                button.primary.danger { (words.delete_account_yes) }
            }
        }
    })
}
