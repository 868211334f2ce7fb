//! Reads for the API: what a page of the contest shows.
//!
//! Every answer comes from one state of the boards, or from one statement and therefore one snapshot:
//! a page's rows, its total and its version belong together.

mod accounts;
mod dead_letters;
mod history;
mod installation;
mod names;
mod operators;
mod ranking;
mod search;
mod videos;

use std::sync::Arc;

use domain::AccountId;
use infra::database::is_transient;
use sqlx::PgPool;

use crate::ErasureEpoch;
use crate::query_batcher::{NO_ANSWER, QueryBatcher};
use crate::rankings::Rankings;

use names::Names;

pub use accounts::{NEUTRAL_NAME, display_name};
pub use dead_letters::{DeadLetterSummary, dead_letters};
pub use history::{Climb, VoteHistory};
pub use installation::{Installation, Rebuild, TranscodeQueue};
pub use operators::{Operator, operators};
pub use ranking::{ArtistStanding, RankedArtist, RankingChanges, RankingPage};
pub use videos::{Direction, OrderBy, OwnVideo, PublicVideo, PublicVideos};

/// The read side. Cheap to clone.
#[derive(Clone)]
pub struct Queries {
    pool: PgPool,
    rankings: Arc<Rankings>,
    names: Names,
    persons: Arc<QueryBatcher<AccountId, (), QueryError>>,
}

impl Queries {
    /// Asks through `pool`; positions come from `rankings`. Names are remembered until `erasure_epoch` says
    /// that somebody was erased.
    pub fn new(pool: PgPool, rankings: Arc<Rankings>, erasure_epoch: ErasureEpoch) -> Self {
        let late = QueryError::Unavailable(NO_ANSWER.to_owned());
        let names = Names::new(pool.clone(), erasure_epoch);
        Self { pool, rankings, names, persons: Arc::new(QueryBatcher::new("people", late)) }
    }
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The database cannot be reached right now.
    #[error("the read models are unavailable: {0}")]
    Unavailable(String),
    /// A row, or a statement, is not what this version expects.
    #[error("the read models are broken: {0}")]
    Broken(String),
}

impl From<sqlx::Error> for QueryError {
    fn from(error: sqlx::Error) -> Self {
        if is_transient(&error) {
            Self::Unavailable(error.to_string())
        } else {
            Self::Broken(error.to_string())
        }
    }
}

/// A count as it stands in a `bigint` column.
pub(crate) fn unsigned(number: i64) -> Result<u64, QueryError> {
    u64::try_from(number).map_err(|_| QueryError::Broken("a negative count".to_owned()))
}

/// For `offset`. Beyond this no table has rows, and the sum with any page size still fits.
fn offset(number: u64) -> i64 {
    const FAR: i64 = 1 << 60;
    i64::try_from(number).unwrap_or(FAR).min(FAR)
}
