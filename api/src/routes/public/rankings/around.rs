//! `GET /api/public/rankings/around/{artist_id}`

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Row, View};
use crate::app::Shared;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{ArtistPath, QueryFields};
use crate::pages::{Audience, Page};

/// The rows of a board around an artist.
#[derive(Serialize, ToSchema)]
pub(crate) struct Neighbours {
    rankings: Vec<Row>,
    /// Artists on the whole board.
    total: u64,
}

/// The rows of a board in whose middle an artist is, or as near to it as the board's ends allow.
#[utoipa::path(
    get, path = "/api/public/rankings/around/{artist_id}", tag = "public",
    params(
        ("artist_id" = Uuid, Path, description = "The artist"),
        ("size" = Option<u64>, Query, minimum = 1, maximum = 100, description = "How many rows; 11 if not given"),
        ("city" = Option<String>, Query, max_length = 100, description = "In any case, with or without accents"),
        ("country" = Option<String>, Query, max_length = 100, description = "In any case, with or without accents"),
    ),
    responses(
        (status = 200, body = Neighbours),
        (status = 304, description = "As `If-None-Match` says"),
        (status = 404, body = ErrorBody, description = "The artist is not on that board"),
        (status = 422, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn around(
    State(state): State<Shared>,
    path: ArtistPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut query = QueryFields::of(&uri);
    let size = query.size("size", 11);
    let board = query.board();
    query.finish()?;
    let artist = path.or(ApiError::ArtistUnknown)?;

    let edition = state.app.queries.boards_version()?;
    let view = View::Around { board: board.clone(), artist, size };
    let pages = state.rankings.clone();
    let load = move || async move {
        let found = state.app.queries.ranking_around(&board, artist, size).await?;
        let found = found.ok_or(ApiError::ArtistUnknown)?;
        let rankings = found.artists.into_iter().map(Row::from).collect();
        Page::render(found.version, &Neighbours { rankings, total: found.total })
    };
    Ok(pages.get(edition, view, load).await?.answer(&headers, Audience::Public))
}
