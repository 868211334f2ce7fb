//! `POST /api/auth/login`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use commands::Commands;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authenticator::Authenticator;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Fields, JsonObject};
use crate::routes::pending::failed;
use crate::text::TextRule;

/// Of any length: one that is too long for anybody is simply wrong.
const PASSWORD: TextRule = TextRule::secret(0, usize::MAX);

/// Who one is, and the proof.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body; `parse` reads it, to find all problems at once")]
pub(crate) struct Login {
    #[schema(format = "email")]
    email: String,
    #[schema(format = "password")]
    password: String,
}

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
    let (email, password) = parse(body)?;
    let account = commands
        .login(&email, &password)
        .await
        // Signing in appends nothing that could be rejected.
        .map_err(failed(|_| ApiError::WrongCredentials))?
        .ok_or(ApiError::WrongCredentials)?;
    let access_token = authenticator.issue(account)?;
    let expires_in = authenticator.lifetime_seconds();
    Ok(Json(AccessToken { access_token, token_type: "Bearer", expires_in }))
}

/// Takes the fields; all that is wrong with them at once.
pub(crate) fn parse(JsonObject(members): JsonObject) -> Result<(String, String), ApiError> {
    let mut fields = Fields::new(members, &["email"]);
    let email = fields.email("email");
    let password = fields.text("password", PASSWORD);
    fields.finish()?;
    Ok((email, password))
}
