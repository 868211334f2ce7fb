//! What pages of the rankings and live boards show, and the keys of cached ranking pages.

use domain::AccountId;
use projections::boards::Board;
use projections::queries::RankedArtist;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::extract::Paging;

/// Which page of the rankings: the key that it is cached by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RankingPageKey {
    /// A page of a board.
    Page { board: Board, paging: Paging },
    /// The rows around an artist.
    Around { board: Board, artist: AccountId, size: u32 },
    /// An artist's position on each of their boards.
    Artist(AccountId),
    /// A page of the list of boards.
    Boards(Paging),
}

/// An artist and their place.
#[derive(Serialize, ToSchema)]
#[schema(as = Row)]
pub(crate) struct RankingRow {
    /// Counted from 1.
    position: u64,
    username: String,
    city: String,
    country: String,
    /// Summed over the artist's published videos.
    votes: u64,
    artist_id: Uuid,
}

impl From<RankedArtist> for RankingRow {
    fn from(artist: RankedArtist) -> Self {
        let RankedArtist { ranked, name } = artist;
        Self {
            position: ranked.position,
            username: name,
            city: ranked.city.to_string(),
            country: ranked.country.to_string(),
            votes: ranked.standing.votes,
            artist_id: ranked.standing.artist.0,
        }
    }
}
