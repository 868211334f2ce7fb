//! `GET` and `POST /sign-up`

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use commands::{Answer, CommandContext, Commands};
use domain::Rejection;
use http::StatusCode;
use maud::html;
use uuid::Uuid;

use super::form::{Field, FormState};
use super::layout::Page;
use super::page_context::PageContext;
use super::redirect::see_other;
use super::session;
use crate::authenticator::Authenticator;
use crate::error::{ApiError, RejectedCommand};
use crate::extract::{RequestContext, WebForm};
use crate::routes::auth::signup::parse;
use crate::routes::command_response::failed;
use crate::state::PublicUrl;

pub(super) async fn form(ctx: PageContext) -> Response {
    show(&ctx, &FormState::default(), StatusCode::OK)
}

pub(super) async fn submit(
    State(commands): State<Commands>,
    State(authenticator): State<Arc<Authenticator>>,
    State(public_url): State<PublicUrl>,
    ctx: PageContext,
    RequestContext(context): RequestContext,
    form: WebForm,
) -> Result<Response, ApiError> {
    let registration = match parse(&form.object()) {
        Ok(registration) => registration,
        Err(ApiError::Validation(problems)) => {
            let form_state = FormState::invalid(form, &ctx, &problems);
            return Ok(show(&ctx, &form_state, StatusCode::UNPROCESSABLE_ENTITY));
        }
        Err(error) => return Err(error),
    };
    // The form carries a random key, so that sending it twice registers once.
    let key = Some(form.text("key")).filter(|key| Uuid::parse_str(key).is_ok());
    let context = CommandContext { idempotency_key: key.map(str::to_owned), ..context };
    let answer = commands.register(&context, registration).await;
    match answer.map_err(failed(RejectedCommand::Registration)) {
        Ok(Answer::Done(account)) => {
            session::start(&authenticator, &public_url, account, "/me/upload")
        }
        Ok(Answer::Pending(_)) => Ok(see_other("/sign-in?pending=1")),
        Err(ApiError::Rejected(RejectedCommand::Registration(Rejection::EmailTaken))) => {
            let form_state = FormState::with_error(form, "email", ctx.messages().email_taken);
            Ok(show(&ctx, &form_state, StatusCode::BAD_REQUEST))
        }
        Err(error) => Err(error),
    }
}

fn show(ctx: &PageContext, form_state: &FormState, status: StatusCode) -> Response {
    let messages = ctx.messages();
    let text =
        |name, label, autocomplete| Field { name, label, kind: "text", autocomplete, hint: None };
    let password = |name, label, hint| Field {
        name,
        label,
        kind: "password",
        autocomplete: "new-password",
        hint,
    };
    let email = Field { kind: "email", ..text("email", messages.email, "email") };
    Page::new(ctx, messages.sign_up).status(status).render(&html! {
        div.narrow {
            h1 { (messages.create_account) }
            (form_state.summary(messages))
            form.card method="post" action="/sign-up" novalidate {
                input type="hidden" name="key" value=(Uuid::new_v4());
                div.pair {
                    (form_state.field(&text("first_name", messages.first_name, "given-name")))
                    (form_state.field(&text("last_name", messages.last_name, "family-name")))
                }
                (form_state.field(&email))
                (form_state.field(&password("password1", messages.password, Some(messages.password_hint))))
                (form_state.field(&password("password2", messages.password_again, None)))
                div.pair {
                    (form_state.field(&text("city", messages.city, "address-level2")))
                    (form_state.field(&text("country", messages.country, "country-name")))
                }
                button.primary { (messages.create_account) }
            }
            p { (messages.have_account) " " a href="/sign-in" { (messages.sign_in) } }
        }
    })
}
