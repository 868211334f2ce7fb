//! `GET` and `POST /sign-up`

use axum::extract::State;
use axum::response::Response;
use commands::{Answer, Context};
use domain::Rejection;
use http::StatusCode;
use maud::html;
use uuid::Uuid;

use super::fields::{Draft, Field};
use super::layout::Page;
use super::sign_in::{enter, then};
use super::visit::Visit;
use crate::app::Shared;
use crate::error::ApiError;
use crate::extract::{Circumstances, WebForm};
use crate::routes::auth::signup::parse;
use crate::routes::pending::failed;

pub(super) async fn form(visit: Visit) -> Response {
    show(&visit, &Draft::default(), StatusCode::OK)
}

pub(super) async fn submit(
    State(state): State<Shared>,
    visit: Visit,
    Circumstances(context): Circumstances,
    form: WebForm,
) -> Result<Response, ApiError> {
    let registration = match parse(form.object()) {
        Ok(registration) => registration,
        Err(ApiError::Validation(problems)) => {
            let draft = Draft::refused(form, &visit, &problems);
            return Ok(show(&visit, &draft, StatusCode::UNPROCESSABLE_ENTITY));
        }
        Err(error) => return Err(error),
    };
    // A form that is sent twice registers once.
    let key = Some(form.text("key")).filter(|key| Uuid::parse_str(key).is_ok());
    let context = Context { idempotency_key: key.map(str::to_owned), ..context };
    let answer = state.app.commands.register(&context, registration).await;
    match answer.map_err(failed(ApiError::RegistrationRejected)) {
        Ok(Answer::Done(account)) => enter(&state, account, "/me/upload"),
        Ok(Answer::Pending(_)) => Ok(then("/sign-in?pending=1")),
        Err(ApiError::RegistrationRejected(Rejection::EmailTaken)) => {
            let draft = Draft::wrong(form, "email", visit.words().email_taken);
            Ok(show(&visit, &draft, StatusCode::BAD_REQUEST))
        }
        Err(error) => Err(error),
    }
}

fn show(visit: &Visit, draft: &Draft, status: StatusCode) -> Response {
    let words = visit.words();
    let text =
        |name, label, autocomplete| Field { name, label, kind: "text", autocomplete, hint: None };
    let password = |name, label, hint| Field {
        name,
        label,
        kind: "password",
        autocomplete: "new-password",
        hint,
    };
    let email = Field { kind: "email", ..text("email", words.email, "email") };
    Page::new(visit, words.sign_up).status(status).show(&html! {
        div.narrow {
            h1 { (words.create_account) }
            (draft.summary(words))
            form.card method="post" action="/sign-up" novalidate {
                input type="hidden" name="key" value=(Uuid::new_v4());
                div.pair {
                    (draft.field(&text("first_name", words.first_name, "given-name")))
                    (draft.field(&text("last_name", words.last_name, "family-name")))
                }
                (draft.field(&email))
                (draft.field(&password("password1", words.password, Some(words.password_hint))))
                (draft.field(&password("password2", words.password_again, None)))
                div.pair {
                    (draft.field(&text("city", words.city, "address-level2")))
                    (draft.field(&text("country", words.country, "country-name")))
                }
                button.primary { (words.create_account) }
            }
            p { (words.have_account) " " a href="/sign-in" { (words.sign_in) } }
        }
    })
}
