//! `GET /api/public/rankings/around/{artist_id}`

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use projections::queries::Queries;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{ApiError, ErrorBody, RankingError};
use crate::extract::{ArtistPath, QueryFields};
use crate::page_cache::{Audience, Page, PageCache};
use crate::ranking_page::{RankingPageKey, RankingRow};

/// The rows of a board around an artist.
#[derive(Serialize, ToSchema)]
pub(crate) struct Neighbours {
    rankings: Vec<RankingRow>,
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
    State(queries): State<Queries>,
    State(pages): State<PageCache<RankingPageKey>>,
    path: ArtistPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut query = QueryFields::of(&uri);
    let size = query.size("size", 11);
    let board = query.board();
    query.finish()?;
    let artist = path.or(RankingError::ArtistUnknown)?;

    let version = queries.boards_version()?;
    let key = RankingPageKey::Around { board: board.clone(), artist, size };
    let load = move || async move {
        let found = queries.ranking_around(&board, artist, size).await?;
        let found = found.ok_or(RankingError::ArtistUnknown)?;
        let rankings = found.artists.into_iter().map(RankingRow::from).collect();
        Page::render(found.version, &Neighbours { rankings, total: found.total })
    };
    Ok(pages.get(version, key, load).await?.respond(&headers, Audience::Public))
}
