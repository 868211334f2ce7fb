//! `DELETE /api/videos/{id}`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use commands::Commands;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{ApiError, ErrorBody, RejectedCommand, VideoError};
use crate::extract::{Actor, RequestContext, VideoPath};
use crate::routes::command_response::{Pending, failed, respond};

/// A video that is gone.
#[derive(Serialize, ToSchema)]
pub(crate) struct Removed {
    #[schema(example = "El video ha sido eliminado exitosamente.")]
    message: &'static str,
    video_id: Uuid,
}

/// Takes a video back, as long as it has no votes.
#[utoipa::path(
    delete, path = "/api/videos/{id}", tag = "videos", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The video"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe"),
    ),
    responses(
        (status = 200, body = Removed),
        (status = 202, body = Pending, description = "Recorded; the verdict will come"),
        (status = 400, body = ErrorBody, description = "It has votes"),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody, description = "Not authenticated, or not the owner"),
        (status = 404, body = ErrorBody),
        (status = 422, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn delete(
    State(commands): State<Commands>,
    Actor(actor): Actor,
    RequestContext(context): RequestContext,
    path: VideoPath,
) -> Result<Response, ApiError> {
    let video = path.or(VideoError::NotFound)?;
    let answer =
        commands.delete(&context, actor, video).await.map_err(failed(RejectedCommand::Deletion))?;
    Ok(respond(answer, |()| {
        let message = "El video ha sido eliminado exitosamente.";
        Json(Removed { message, video_id: video.0 }).into_response()
    }))
}
