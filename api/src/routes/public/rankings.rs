//! `GET /api/public/rankings`

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use projections::queries::{Board, Queries};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::Shared;
use crate::error::{ApiError, ErrorBody};
use crate::extract::QueryFields;
use crate::pages::Page;

/// A page of a board.
#[derive(Serialize, ToSchema)]
pub(crate) struct Rankings {
    rankings: Vec<RankedArtist>,
    /// Artists on the whole board.
    total: u64,
    page: u64,
    page_size: u64,
    total_pages: u64,
}

/// An artist and their place.
#[derive(Serialize, ToSchema)]
pub(crate) struct RankedArtist {
    /// Counted from 1.
    position: u64,
    username: String,
    city: String,
    country: String,
    /// Summed over the artist's published videos.
    votes: u64,
    artist_id: Uuid,
}

/// The ranking: of the whole contest, of a country, or of a city.
#[utoipa::path(
    get, path = "/api/public/rankings", tag = "public",
    params(
        ("page" = Option<u64>, Query, minimum = 1, description = "1 if not given"),
        ("page_size" = Option<u64>, Query, minimum = 1, maximum = 100, description = "20 if not given"),
        ("city" = Option<String>, Query, max_length = 100, description = "In any case, with or without accents"),
        ("country" = Option<String>, Query, max_length = 100, description = "In any case, with or without accents"),
    ),
    responses(
        (status = 200, body = Rankings),
        (status = 304, description = "As `If-None-Match` says"),
        (status = 422, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn rankings(
    State(state): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut query = QueryFields::of(&uri);
    let page = query.integer("page", 1, 1, None);
    let page_size = query.integer("page_size", 20, 1, Some(100));
    let city = query.place("city");
    let country = query.place("country");
    query.finish()?;
    let board = Board::of(city.as_deref(), country.as_deref());
    let size = u32::try_from(page_size).unwrap_or(100);

    let queries = &state.app.queries;
    let generation = queries.generation().await?;
    let load = render(queries, &board, page, size);
    let finished = state.rankings.get(generation, (board.clone(), page, size), load).await?;
    Ok(finished.answer(&headers))
}

async fn render(queries: &Queries, board: &Board, page: u64, size: u32) -> Result<Page, ApiError> {
    let page_size = u64::from(size);
    let skip = (page - 1).saturating_mul(page_size);
    let found = queries.ranking(board, skip, size).await?;
    let rankings = (skip.saturating_add(1)..)
        .zip(found.artists)
        .map(|(position, artist)| RankedArtist {
            position,
            username: artist.name,
            city: artist.city,
            country: artist.country,
            votes: artist.votes,
            artist_id: artist.artist.0,
        })
        .collect();
    let total_pages = found.total.div_ceil(page_size);
    let content = Rankings { rankings, total: found.total, page, page_size, total_pages };
    Page::render(found.generation, &content)
}
