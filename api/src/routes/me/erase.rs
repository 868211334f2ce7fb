//! `DELETE /api/me`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use commands::{Answer, Commands};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authenticator::Authenticator;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Actor, Fields, JsonObject, RequestContext};
use crate::routes::pending::{Pending, failed, pending};
use crate::text::TextRule;

/// Of any length: one that is too long for anybody is simply wrong.
const PASSWORD: TextRule = TextRule::secret(0, usize::MAX);

/// The proof that it is really oneself.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body; `parse` reads it, to find all problems at once")]
pub(crate) struct Erasure {
    #[schema(format = "password")]
    password: String,
}

/// An account that is gone.
#[derive(Serialize, ToSchema)]
pub(crate) struct Erased {
    #[schema(example = "Tu cuenta ha sido eliminada exitosamente.")]
    message: &'static str,
}

/// Erases one's account: personal data and original files are removed for good, and all access tokens
/// stop working. Votes keep counting, and published videos stay, under a neutral name. The email can
/// sign up again, as a new account.
#[utoipa::path(
    delete, path = "/api/me", tag = "me", security(("bearer" = [])), request_body = Erasure,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses(
        (status = 200, body = Erased),
        (status = 202, body = Pending, description = "Recorded; the verdict will come"),
        (status = 401, body = ErrorBody, description = "No valid token, or the account is gone already"),
        (status = 403, body = ErrorBody, description = "Not authenticated, or the password is wrong"),
        (status = 413, body = ErrorBody, description = "The body is over 64 KiB"),
        (status = 422, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn erase(
    State(commands): State<Commands>,
    State(authenticator): State<Arc<Authenticator>>,
    Actor(actor): Actor,
    RequestContext(context): RequestContext,
    body: JsonObject,
) -> Result<Response, ApiError> {
    let password = parse(body)?;
    let answer = commands
        .erase(&context, actor, &password)
        .await
        .map_err(failed(|_| ApiError::AccountGone))?;
    Ok(match answer {
        Answer::Pending(token) => pending(&token),
        Answer::Done(()) => {
            // The projector tells all processes. This one must not wait for that: its next response
            // may not show the erased person.
            authenticator.forget_accounts();
            let message = "Tu cuenta ha sido eliminada exitosamente.";
            Json(Erased { message }).into_response()
        }
    })
}

/// Takes the fields; all that is wrong with them at once.
pub(crate) fn parse(JsonObject(members): JsonObject) -> Result<String, ApiError> {
    let mut fields = Fields::new(members, &[]);
    let password = fields.text("password", PASSWORD);
    fields.finish()?;
    Ok(password)
}
