//! The responses of commands.

use axum::Json;
use axum::response::{IntoResponse, Response};
use commands::{Answer, CommandError, CommandToken};
use domain::Rejection;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{ApiError, AuthError, RequestError};

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

/// The response to a command: by `done` if its verdict is known, else a 202.
pub(super) fn respond<T>(answer: Answer<T>, done: impl FnOnce(T) -> Response) -> Response {
    match answer {
        Answer::Done(value) => done(value),
        Answer::Pending(token) => pending(&token),
    }
}

fn pending(token: &CommandToken) -> Response {
    let status_url = format!("/api/commands/{token}");
    let location = HeaderValue::try_from(status_url.as_str());
    let body = Pending { status: "pending", command_token: token.to_string(), status_url };
    let mut response = (StatusCode::ACCEPTED, Json(body)).into_response();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    // Never fails: the characters of a token are valid in a header.
    if let Ok(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// Turns the error of a command into that of its request; `rejected` turns its rejections.
pub(crate) fn failed<E: Into<ApiError>>(
    rejected: impl Fn(Rejection) -> E,
) -> impl Fn(CommandError) -> ApiError {
    move |error| match error {
        CommandError::Rejected(reason) => rejected(reason).into(),
        CommandError::WrongPassword => AuthError::WrongPassword.into(),
        CommandError::KeyReused => ApiError::KeyReused,
        CommandError::Unavailable(cause) => ApiError::unavailable(cause),
        CommandError::Overloaded => RequestError::Overloaded.into(),
        CommandError::Internal(cause) => ApiError::internal(cause),
    }
}
