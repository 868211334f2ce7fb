//! `GET /api/commands/{token}`

use std::borrow::Cow;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use commands::{CommandStatus, Commands};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{ApiError, ErrorBody, RequestError, Row, rejection_row};
use crate::routes::command_response::failed;

/// How a command stands.
#[derive(Serialize, ToSchema)]
#[schema(as = Standing)]
pub(crate) struct CommandState {
    /// `pending`, `accepted` or `rejected`.
    status: &'static str,
    /// Why it was rejected, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// Why it was rejected, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    detail: Option<Cow<'static, str>>,
    /// Of an accepted vote: the votes of the video.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_votes: Option<u64>,
}

/// The verdict of a command that was answered with 202.
#[utoipa::path(
    get, path = "/api/commands/{token}", tag = "commands",
    params(("token" = String, Path, description = "As given by the 202 answer")),
    responses(
        (status = 200, body = CommandState),
        (status = 404, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn status(
    State(commands): State<Commands>,
    token: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Response, ApiError> {
    let Path(token) = token.map_err(|_| RequestError::CommandUnknown)?;
    let found = commands.status(&token).await;
    let found = found.map_err(failed(|_| RequestError::CommandUnknown))?;
    let state = state_of(found.ok_or(RequestError::CommandUnknown)?);
    let is_pending = state.status == "pending";
    let mut response = Json(state).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if is_pending {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    Ok(response)
}

fn state_of(status: CommandStatus) -> CommandState {
    let pending = CommandState { status: "pending", code: None, detail: None, total_votes: None };
    match status {
        CommandStatus::Pending => pending,
        CommandStatus::Accepted { total_votes } => {
            CommandState { status: "accepted", total_votes, ..pending }
        }
        CommandStatus::Rejected(rejection) => {
            let Row { code, detail, .. } = rejection_row(rejection);
            CommandState { status: "rejected", code: Some(code), detail: Some(detail), ..pending }
        }
    }
}
