//! `POST /api/public/videos/{id}/vote`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use commands::Commands;
use domain::Rejection;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{ApiError, ErrorBody, RejectedCommand};
use crate::extract::{Actor, RequestContext, VideoPath};
use crate::routes::command_response::{Pending, failed, respond};

/// A vote that counts.
#[derive(Serialize, ToSchema)]
pub(crate) struct Voted {
    #[schema(example = "Voto registrado exitosamente.")]
    message: &'static str,
    video_id: Uuid,
    /// The votes of the video, this one included.
    total_votes: u64,
}

/// Votes for a published video, once per person.
#[utoipa::path(
    post, path = "/api/public/videos/{id}/vote", tag = "public", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The video"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe"),
    ),
    responses(
        (status = 200, body = Voted),
        (status = 202, body = Pending, description = "Recorded; the verdict will come"),
        (status = 400, body = ErrorBody, description = "Voted already, or not published"),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 422, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn vote(
    State(commands): State<Commands>,
    Actor(voter): Actor,
    RequestContext(context): RequestContext,
    path: VideoPath,
) -> Result<Response, ApiError> {
    let video = path.or(RejectedCommand::Vote(Rejection::VideoUnknown))?;
    let answer =
        commands.vote(&context, voter, video).await.map_err(failed(RejectedCommand::Vote))?;
    Ok(respond(answer, |total_votes| {
        let message = "Voto registrado exitosamente.";
        Json(Voted { message, video_id: video.0, total_votes }).into_response()
    }))
}
