//! `GET /api/public/rankings/boards`

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Uri};
use projections::boards::BoardSize;
use serde::Serialize;
use utoipa::ToSchema;

use super::View;
use crate::app::{AppState, Shared};
use crate::error::{ApiError, ErrorBody};
use crate::extract::QueryFields;
use crate::pages::{Audience, Page};

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
        let text = |name: &Option<Arc<str>>| name.as_ref().map(ToString::to_string);
        Self { city: text(&board.city), country: text(&board.country), artists: board.artists }
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
    State(state): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let mut query = QueryFields::of(&uri);
    let page = query.integer("page", 1, 1, None);
    let page_size = query.integer("page_size", 20, 1, Some(100));
    query.finish()?;
    let size = u32::try_from(page_size).unwrap_or(100);

    let edition = state.app.queries.edition()?;
    let pages = state.rankings.clone();
    let load = move || async move { render(&state, page, size) };
    let finished = pages.get(edition, View::Boards { page, size }, load).await?;
    Ok(finished.answer(&headers, Audience::Public))
}

fn render(state: &AppState, page: u64, size: u32) -> Result<Page, ApiError> {
    let (edition, all) = state.app.queries.boards()?;
    let (total, page_size) = (all.len() as u64, u64::from(size));
    let skip = usize::try_from((page - 1).saturating_mul(page_size)).unwrap_or(usize::MAX);
    let boards = all.iter().skip(skip).take(size as usize).map(ListedBoard::from).collect();
    let total_pages = total.div_ceil(page_size);
    Page::render(edition, &BoardList { boards, total, page, page_size, total_pages })
}
