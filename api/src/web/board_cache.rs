//! What the pages keep between requests: so that a burst of visitors asks the database once. Like
//! [`crate::page_cache`], nothing that is kept outlives an erasure.

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

/// Pages of rankings at most. Each takes some kilobytes.
const MAX_RANKING_PAGES: u64 = 2_000;
/// A name that changes without a new edition shows after this time.
const RANKING_PAGE_TTL: Duration = Duration::from_secs(1);
/// New boards are linked to after this time.
const BOARD_LIST_TTL: Duration = Duration::from_secs(5);

/// Charts at most.
const MAX_CHARTS: u64 = 500;
/// A chart reads every vote of the leaders, and shows days.
const CHART_TTL: Duration = Duration::from_secs(30);

/// The count of erasures, the edition of the boards, and the page.
type Key = (u64, u64, Board, Paging);

/// Ranking pages, charts, and the list of boards.
pub(crate) struct BoardCache {
    pages: FutureCache<Key, Arc<RankingPage>>,
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

    /// A page of a board, as of the newest edition.
    pub(super) async fn page(
        &self,
        queries: &Queries,
        board: &Board,
        paging: Paging,
    ) -> Result<Arc<RankingPage>, ApiError> {
        let key =
            (self.erasures.current(), queries.boards_version()?.number, board.clone(), paging);
        let look = async {
            let page = queries.ranking(board, paging.skip(), paging.page_size).await?;
            Ok::<_, ApiError>(Arc::new(page))
        };
        let found = self.pages.try_get_with(key, look).await;
        found.map_err(|error| error.shared())
    }

    /// How many erasures have been heard of. What is made of names that were read after asking this
    /// may be kept under it.
    pub(super) fn erasure_count(&self) -> u64 {
        self.erasures.current()
    }

    /// How the leaders of a board came to their votes, if there is something to be seen. A page does
    /// not fail for want of it. `erasures` is from before the artists were read.
    pub(super) async fn chart(
        &self,
        queries: &Queries,
        erasures: u64,
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
                    tracing::warn!(%error, "a page goes without its chart");
                    None
                }
            }
        };
        self.charts.get_with((erasures, board.clone()), draw).await
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
