//! `GET /api/rankings/me`

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;

use crate::app::Shared;
use crate::error::{ApiError, ErrorBody};
use crate::extract::Actor;
use crate::pages::Audience;
use crate::routes::public::rankings::artist::{self, Standing};

/// One's own place on each of one's boards.
#[utoipa::path(
    get, path = "/api/rankings/me", tag = "videos", security(("bearer" = [])),
    responses(
        (status = 200, body = Standing),
        (status = 304, description = "As `If-None-Match` says"),
        (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody, description = "Not authenticated"),
        (status = 404, body = ErrorBody, description = "No published video"),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn me(
    State(state): State<Shared>,
    Actor(actor): Actor,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    match artist::page(state, actor).await {
        Ok(page) => Ok(page.answer(&headers, Audience::Personal)),
        Err(ApiError::ArtistUnknown) => Err(ApiError::NotRanked),
        Err(error) => Err(error),
    }
}
