//! `POST /api/auth/login`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use commands::Commands;
use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::authenticator::Authenticator;
use crate::error::{ApiError, AuthError, ErrorBody};
use crate::extract::{JsonObject, Member, schema_of};
use crate::routes::command_response::failed;
use crate::text::TextRule;

const MEMBERS: [Member; 2] = [Member::email("email"), Member::text("password", ANY_PASSWORD)];
/// Of any length: a password that is too short or too long is simply wrong.
pub(crate) const ANY_PASSWORD: TextRule = TextRule::secret(0, usize::MAX);

/// Who one is, and the proof.
pub(crate) struct Login;

impl PartialSchema for Login {
    fn schema() -> RefOr<Schema> {
        schema_of("Who one is, and the proof.", &MEMBERS)
    }
}

impl ToSchema for Login {}

/// An access token.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccessToken {
    /// A JWT, for `Authorization: Bearer …`.
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds that it holds.
    #[schema(example = 86400)]
    expires_in: u64,
}

/// Signs a person in.
#[utoipa::path(
    post, path = "/api/auth/login", tag = "auth", request_body = Login,
    responses(
        (status = 200, body = AccessToken),
        (status = 401, body = ErrorBody, description = "Email or password are wrong"),
        (status = 413, body = ErrorBody, description = "The body is over 64 KiB"),
        (status = 422, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn login(
    State(commands): State<Commands>,
    State(authenticator): State<Arc<Authenticator>>,
    body: JsonObject,
) -> Result<Json<AccessToken>, ApiError> {
    let (email, password) = parse(&body)?;
    let account = commands
        .login(&email, &password)
        .await
        // Never rejected: a sign-in appends no event.
        .map_err(failed(|_| AuthError::WrongCredentials))?
        .ok_or(AuthError::WrongCredentials)?;
    let access_token = authenticator.issue(account)?;
    let expires_in = authenticator.lifetime_seconds();
    Ok(Json(AccessToken { access_token, token_type: "Bearer", expires_in }))
}

/// Email and password.
///
/// # Errors
/// All problems of the body.
pub(crate) fn parse(body: &JsonObject) -> Result<(String, String), ApiError> {
    let [email, password] = body.texts(&MEMBERS)?;
    Ok((email, password))
}
