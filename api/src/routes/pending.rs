//! 202: the command stands in the log, and its verdict will come.

use axum::Json;
use axum::response::{IntoResponse, Response};
use commands::{CommandError, CommandToken};
use domain::Rejection;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;

/// A command whose verdict is not known yet. Nothing is lost.
#[derive(Serialize, ToSchema)]
pub(crate) struct Pending {
    #[schema(example = "pending")]
    status: &'static str,
    /// Asks for the verdict.
    command_token: String,
    /// Where to ask.
    #[schema(example = "/api/commands/AbC…")]
    status_url: String,
}

/// The answer to a command whose verdict is not known yet.
pub(super) fn pending(token: &CommandToken) -> Response {
    let status_url = format!("/api/commands/{token}");
    let location = HeaderValue::try_from(status_url.as_str());
    let body = Pending { status: "pending", command_token: token.to_string(), status_url };
    let mut response = (StatusCode::ACCEPTED, Json(body)).into_response();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    // A token is made of characters that a header may hold.
    if let Ok(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// What a failed command says, `rejected` being its own words for a rejection.
pub(crate) fn failed(rejected: fn(Rejection) -> ApiError) -> impl Fn(CommandError) -> ApiError {
    move |error| match error {
        CommandError::Rejected(rejection) => rejected(rejection),
        CommandError::WrongPassword => ApiError::WrongPassword,
        CommandError::KeyReused => ApiError::KeyReused,
        CommandError::Unavailable(cause) => ApiError::Unavailable(cause.to_string()),
        CommandError::Overloaded => ApiError::Overloaded,
        CommandError::Internal(cause) => ApiError::Internal(cause.to_string()),
    }
}
