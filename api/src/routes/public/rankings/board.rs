//! `GET /api/public/rankings`

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use projections::boards::Board;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Row, View};
use crate::app::{AppState, Shared};
use crate::error::{ApiError, ErrorBody};
use crate::extract::QueryFields;
use crate::pages::{Audience, Page};

/// A page of a board.
#[derive(Serialize, ToSchema)]
pub(crate) struct Rankings {
    rankings: Vec<Row>,
    /// Artists on the whole board.
    total: u64,
    page: u64,
    page_size: u64,
    total_pages: u64,
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
    let board = query.board();
    query.finish()?;
    let size = u32::try_from(page_size).unwrap_or(100);

    let edition = state.app.queries.edition()?;
    let view = View::Page { board: board.clone(), page, size };
    let pages = state.rankings.clone();
    let load = move || async move { render(&state, &board, page, size).await };
    Ok(pages.get(edition, view, load).await?.answer(&headers, Audience::Public))
}

async fn render(state: &AppState, board: &Board, page: u64, size: u32) -> Result<Page, ApiError> {
    let page_size = u64::from(size);
    let skip = (page - 1).saturating_mul(page_size);
    let found = state.app.queries.ranking(board, skip, size).await?;
    let content = Rankings {
        rankings: found.artists.into_iter().map(Row::from).collect(),
        total: found.total,
        page,
        page_size,
        total_pages: found.total.div_ceil(page_size),
    };
    Page::render(found.edition, &content)
}
