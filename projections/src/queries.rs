//! Reads for the API.
//!
//! Each answer comes from one version of the boards, or from one statement and therefore one snapshot.
//! The rows, the total and the version of a page belong together.

mod board_pages;
mod dead_letters;
mod display_name;
mod erasures;
mod handle;
mod installation;
mod name_cache;
mod name_search;
mod operators;
mod persons;
mod videos;
mod vote_history;

pub use crate::query_error::QueryError;
pub use board_pages::{ArtistStanding, RankedArtist, RankingChanges, RankingPage};
pub use dead_letters::{DeadLetterSummary, dead_letters};
pub use display_name::{NEUTRAL_NAME, display_name};
pub use erasures::{ErasedAccountRow, erased_accounts};
pub use handle::Queries;
pub use installation::{Installation, Rebuild, TranscodeQueue};
pub use operators::{Operator, operators};
pub use videos::{Direction, OrderBy, OwnVideo, PublicVideo, PublicVideos};
pub use vote_history::{VoteHistory, VoteTimeline};
