//! `GET /api/videos`

use axum::Json;
use axum::extract::State;
use projections::queries::Queries;

use super::own::{OwnVideo, with_urls};
use crate::error::{ApiError, ErrorBody};
use crate::extract::Actor;
use crate::media_urls::MediaUrls;

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
    State(queries): State<Queries>,
    State(urls): State<MediaUrls>,
    Actor(owner): Actor,
) -> Result<Json<Vec<OwnVideo>>, ApiError> {
    let mut list = Vec::new();
    for video in queries.videos_of(owner).await? {
        list.push(with_urls(&urls, video).await?);
    }
    Ok(Json(list))
}
