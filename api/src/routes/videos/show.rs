//! `GET /api/videos/{id}`

use axum::Json;
use axum::extract::State;
use projections::queries::Queries;

use super::own::{self, OwnVideo, with_urls};
use crate::error::{ApiError, ErrorBody, VideoError};
use crate::extract::{Actor, VideoPath};
use crate::media_urls::MediaUrls;

/// One of one's own videos.
#[utoipa::path(
    get, path = "/api/videos/{id}", tag = "videos", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The video")),
    responses(
        (status = 200, body = OwnVideo),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody, description = "Not authenticated, or not the owner"),
        (status = 404, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn show(
    State(queries): State<Queries>,
    State(urls): State<MediaUrls>,
    Actor(actor): Actor,
    path: VideoPath,
) -> Result<Json<OwnVideo>, ApiError> {
    let id = path.or(VideoError::NotFound)?;
    let video = own::find(&queries, actor, id).await?;
    with_urls(&urls, video).await.map(Json)
}
