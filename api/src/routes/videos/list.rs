//! `GET /api/videos`

use axum::Json;
use axum::extract::State;

use super::own::{OwnVideo, with_urls};
use crate::app::Shared;
use crate::error::{ApiError, ErrorBody};
use crate::extract::Actor;

/// One's own videos, the newest first.
#[utoipa::path(
    get, path = "/api/videos", tag = "videos", security(("bearer" = [])),
    responses(
        (status = 200, body = Vec<OwnVideo>),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn list(
    State(state): State<Shared>,
    Actor(owner): Actor,
) -> Result<Json<Vec<OwnVideo>>, ApiError> {
    let mut list = Vec::new();
    for video in state.app.queries.videos_of(owner).await? {
        list.push(with_urls(&state.app, video).await?);
    }
    Ok(Json(list))
}
