//! The handle through which the API reads.

use std::sync::Arc;

use domain::AccountId;
use infra::database::Pool;

use super::name_cache::NameCache;
use crate::boards::Boards;
use crate::erasure_epoch::ErasureEpoch;
use crate::query_batcher::{NO_ANSWER, QueryBatcher};
use crate::query_error::QueryError;
use crate::rankings::Rankings;

/// The read side. Cheap to clone.
#[derive(Clone)]
pub struct Queries {
    pub(super) pool: Pool,
    pub(super) rankings: Arc<Rankings>,
    pub(super) names: NameCache,
    pub(super) persons: Arc<QueryBatcher<AccountId, (), QueryError>>,
}

impl Queries {
    /// Reads through `pool` and from `rankings`. Remembers names until `erasure_epoch` advances.
    pub fn new(pool: Pool, rankings: Arc<Rankings>, erasure_epoch: ErasureEpoch) -> Self {
        let timed_out = QueryError::unavailable(NO_ANSWER);
        let names = NameCache::new(pool.clone(), erasure_epoch);
        Self { pool, rankings, names, persons: Arc::new(QueryBatcher::new("people", timed_out)) }
    }

    /// Reads the boards, all of one version, whose number is returned as well.
    pub(super) fn read_boards<T>(
        &self,
        read: impl FnOnce(&Boards) -> T,
    ) -> Result<(u64, T), QueryError> {
        self.rankings.read(read).ok_or_else(boards_not_loaded)
    }
}

pub(super) fn boards_not_loaded() -> QueryError {
    QueryError::unavailable("the boards are being loaded")
}
