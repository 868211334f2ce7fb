//! `GET /api/public/rankings`

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use projections::boards::Board;
use projections::queries::Queries;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{ApiError, ErrorBody};
use crate::extract::{Paging, QueryFields};
use crate::page_cache::{Audience, Page, PageCache};
use crate::ranking_page::{RankingPageKey, RankingRow};

/// A page of a board.
#[derive(Serialize, ToSchema)]
pub(crate) struct Rankings {
    rankings: Vec<RankingRow>,
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
    State(queries): State<Queries>,
    State(pages): State<PageCache<RankingPageKey>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut query = QueryFields::of(&uri);
    let paging = query.paging(20);
    let board = query.board();
    query.finish()?;

    let version = queries.boards_version()?;
    let key = RankingPageKey::Page { board: board.clone(), paging };
    let load = move || async move { render(&queries, &board, paging).await };
    Ok(pages.get(version, key, load).await?.respond(&headers, Audience::Public))
}

async fn render(queries: &Queries, board: &Board, paging: Paging) -> Result<Page, ApiError> {
    let found = queries.ranking(board, paging.skip(), paging.page_size).await?;
    let content = Rankings {
        rankings: found.artists.into_iter().map(RankingRow::from).collect(),
        total: found.total,
        page: paging.page,
        page_size: paging.page_size.into(),
        total_pages: paging.total_pages(found.total),
    };
    Page::render(found.version, &content)
}
