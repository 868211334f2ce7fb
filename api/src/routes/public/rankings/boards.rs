//! `GET /api/public/rankings/boards`

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use projections::boards::BoardSize;
use projections::queries::Queries;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{ApiError, ErrorBody};
use crate::extract::{Paging, QueryFields};
use crate::page_cache::{Audience, Page, PageCache};
use crate::ranking_page::RankingPageKey;

/// A page of the list of boards.
#[derive(Serialize, ToSchema)]
pub(crate) struct BoardList {
    boards: Vec<ListedBoard>,
    /// Boards in the whole list.
    total: u64,
    page: u64,
    page_size: u64,
    total_pages: u64,
}

/// A board. `city` and `country` are those of `GET /api/public/rankings`, spelled as most artists
/// spell them.
#[derive(Serialize, ToSchema)]
pub(crate) struct ListedBoard {
    city: Option<String>,
    country: Option<String>,
    /// Artists on it.
    artists: u64,
}

impl From<&BoardSize> for ListedBoard {
    fn from(board: &BoardSize) -> Self {
        let BoardSize { city, country, artists } = board;
        Self {
            city: city.as_deref().map(str::to_owned),
            country: country.as_deref().map(str::to_owned),
            artists: *artists,
        }
    }
}

/// The boards that have artists: the whole contest's, then countries, then cities, the largest first.
#[utoipa::path(
    get, path = "/api/public/rankings/boards", tag = "public",
    params(
        ("page" = Option<u64>, Query, minimum = 1, description = "1 if not given"),
        ("page_size" = Option<u64>, Query, minimum = 1, maximum = 100, description = "20 if not given"),
    ),
    responses(
        (status = 200, body = BoardList),
        (status = 304, description = "As `If-None-Match` says"),
        (status = 422, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ),
)]
pub(crate) async fn boards(
    State(queries): State<Queries>,
    State(pages): State<PageCache<RankingPageKey>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut query = QueryFields::of(&uri);
    let paging = query.paging(20);
    query.finish()?;

    let version = queries.boards_version()?;
    let load = move || async move { render(&queries, paging) };
    let page = pages.get(version, RankingPageKey::Boards(paging), load).await?;
    Ok(page.respond(&headers, Audience::Public))
}

fn render(queries: &Queries, paging: Paging) -> Result<Page, ApiError> {
    let (version, all) = queries.boards()?;
    let Paging { page, page_size } = paging;
    let skip = usize::try_from(paging.skip()).unwrap_or(usize::MAX);
    let boards = all.iter().skip(skip).take(page_size as usize).map(ListedBoard::from).collect();
    let total = all.len() as u64;
    let total_pages = paging.total_pages(total);
    let page_size = page_size.into();
    Page::render(version, &BoardList { boards, total, page, page_size, total_pages })
}
