//! What the pages keep between requests: so that a burst of visitors asks the database once. Like
//! [`crate::pages`], nothing that is kept outlives an erasure.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache as FutureCache;
use moka::sync::Cache;
use projections::Erasures;
use projections::boards::{Board, BoardSize};
use projections::queries::{Queries, RankingPage};

use crate::error::ApiError;
use crate::extract::Paging;

/// Pages of rankings at most. Each takes some kilobytes.
const PAGES: u64 = 2_000;
/// A name that changes without a new edition shows after this time.
const PAGE_TTL: Duration = Duration::from_secs(1);
/// New boards are linked to after this time.
const BOARDS_TTL: Duration = Duration::from_secs(5);

/// The count of erasures, the edition of the boards, and the page.
type Key = (u64, u64, Board, Paging);

/// Ranking pages and the list of boards.
pub(crate) struct Kept {
    pages: FutureCache<Key, Arc<RankingPage>>,
    boards: Cache<(), Arc<Vec<BoardSize>>>,
    erasures: Erasures,
}

impl Kept {
    pub(crate) fn new(erasures: Erasures) -> Self {
        Self {
            pages: FutureCache::builder().max_capacity(PAGES).time_to_live(PAGE_TTL).build(),
            boards: Cache::builder().max_capacity(1).time_to_live(BOARDS_TTL).build(),
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
        let key = (self.erasures.count(), queries.edition()?.number, board.clone(), paging);
        let look = async {
            let page = queries.ranking(board, paging.skip(), paging.page_size).await?;
            Ok::<_, ApiError>(Arc::new(page))
        };
        let found = self.pages.try_get_with(key, look).await;
        found.map_err(|error| error.shared())
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
