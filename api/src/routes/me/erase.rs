//! `DELETE /api/me`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use commands::Commands;
use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::authenticator::Authenticator;
use crate::error::{ApiError, AuthError, ErrorBody};
use crate::extract::{Actor, JsonObject, Member, RequestContext, schema_of};
use crate::routes::auth::login::ANY_PASSWORD;
use crate::routes::command_response::{Pending, failed, respond};

const MEMBERS: [Member; 1] = [Member::text("password", ANY_PASSWORD)];

/// The proof that it is really oneself.
pub(crate) struct Erasure;

impl PartialSchema for Erasure {
    fn schema() -> RefOr<Schema> {
        schema_of("The proof that it is really oneself.", &MEMBERS)
    }
}

impl ToSchema for Erasure {}

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
    let password = parse(&body)?;
    let answer = commands
        .erase(&context, actor, &password)
        .await
        .map_err(failed(|_| AuthError::AccountGone))?;
    Ok(respond(answer, |()| {
        // The projector tells all processes. This one must not wait for that: its next response
        // may not show the erased person.
        authenticator.forget_accounts();
        let message = "Tu cuenta ha sido eliminada exitosamente.";
        Json(Erased { message }).into_response()
    }))
}

/// The password.
///
/// # Errors
/// All problems of the body.
pub(crate) fn parse(body: &JsonObject) -> Result<String, ApiError> {
    let [password] = body.texts(&MEMBERS)?;
    Ok(password)
}
