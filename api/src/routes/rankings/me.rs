//! `GET /api/rankings/me`

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use projections::queries::Queries;

use crate::error::{ApiError, ErrorBody, RankingError};
use crate::extract::Actor;
use crate::page_cache::{Audience, PageCache};
use crate::ranking_page::RankingPageKey;
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
    State(queries): State<Queries>,
    State(pages): State<PageCache<RankingPageKey>>,
    Actor(actor): Actor,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    match artist::page(queries, &pages, actor).await {
        Ok(page) => Ok(page.respond(&headers, Audience::Personal)),
        Err(ApiError::Ranking(RankingError::ArtistUnknown)) => Err(RankingError::NotRanked.into()),
        Err(error) => Err(error),
    }
}
