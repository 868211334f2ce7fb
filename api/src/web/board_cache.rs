//! Cached data of pages: many requests for the same page query the database once. Names of erased
//! accounts leave the cache at once: keys contain the erasure epoch, as in [`crate::page_cache`].

use std::sync::Arc;
use std::time::Duration;

use domain::AccountId;
use moka::future::Cache as FutureCache;
use moka::sync::Cache;
use projections::ErasureEpoch;
use projections::boards::{Board, BoardSize};
use projections::queries::{Queries, RankedArtist, RankingPage};

use super::chart::{CHART_LINES, Chart};
use crate::error::ApiError;
use crate::extract::Paging;

/// Each page takes some kilobytes.
const MAX_RANKING_PAGES: u64 = 2_000;
/// Staleness of a page within one version of the boards. A new version replaces it sooner.
const RANKING_PAGE_TTL: Duration = Duration::from_secs(1);
/// Staleness of the links to boards.
const BOARD_LIST_TTL: Duration = Duration::from_secs(5);

const MAX_CHARTS: u64 = 500;
/// Staleness of a chart. It is expensive: its query reads every vote of the leaders.
const CHART_TTL: Duration = Duration::from_secs(30);

/// The erasure epoch, the version of the boards, and the page.
type PageKey = (u64, u64, Board, Paging);

/// Caches ranking pages, charts, and the list of boards.
pub(crate) struct BoardCache {
    pages: FutureCache<PageKey, Arc<RankingPage>>,
    charts: FutureCache<(u64, Board), Option<Arc<Chart>>>,
    boards: Cache<(), Arc<Vec<BoardSize>>>,
    erasures: ErasureEpoch,
}

impl BoardCache {
    pub(crate) fn new(erasures: ErasureEpoch) -> Self {
        Self {
            pages: FutureCache::builder()
                .max_capacity(MAX_RANKING_PAGES)
                .time_to_live(RANKING_PAGE_TTL)
                .build(),
            charts: FutureCache::builder().max_capacity(MAX_CHARTS).time_to_live(CHART_TTL).build(),
            boards: Cache::builder().max_capacity(1).time_to_live(BOARD_LIST_TTL).build(),
            erasures,
        }
    }

    /// A page of a board, as of the newest version of the boards.
    pub(super) async fn page(
        &self,
        queries: &Queries,
        board: &Board,
        paging: Paging,
    ) -> Result<Arc<RankingPage>, ApiError> {
        let key =
            (self.erasures.current(), queries.boards_version()?.number, board.clone(), paging);
        let load = async {
            let page = queries.ranking(board, paging.skip(), paging.page_size).await?;
            Ok::<_, ApiError>(Arc::new(page))
        };
        let found = self.pages.try_get_with(key, load).await;
        found.map_err(|error| (*error).clone())
    }

    /// The erasure epoch of a cached value: read it before the names that the value contains.
    pub(super) fn erasure_epoch(&self) -> u64 {
        self.erasures.current()
    }

    /// The chart of a board's leaders. `None` if nobody has votes, or if the query fails: the page is
    /// shown without a chart. `erasure_epoch` is from before `artists` were read.
    pub(super) async fn chart(
        &self,
        queries: &Queries,
        erasure_epoch: u64,
        board: &Board,
        artists: &[RankedArtist],
    ) -> Option<Arc<Chart>> {
        let leaders = &artists[..artists.len().min(CHART_LINES)];
        if leaders.is_empty() {
            return None;
        }
        let draw = async {
            let ids: Vec<AccountId> =
                leaders.iter().map(|row| row.ranked.standing.artist).collect();
            match queries.vote_history(&ids).await {
                Ok(history) => Chart::new(history?, leaders).map(Arc::new),
                Err(error) => {
                    tracing::warn!(%error, "the history of votes cannot be read, the page has no chart");
                    None
                }
            }
        };
        self.charts.get_with((erasure_epoch, board.clone()), draw).await
    }

    /// The list of boards.
    pub(super) fn boards(&self, queries: &Queries) -> Result<Arc<Vec<BoardSize>>, ApiError> {
        if let Some(boards) = self.boards.get(&()) {
            return Ok(boards);
        }
        let (_, boards) = queries.boards()?;
        let boards = Arc::new(boards);
        self.boards.insert((), Arc::clone(&boards));
        Ok(boards)
    }
}
