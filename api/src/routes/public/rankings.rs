//! The rankings: pages of a board, and what an artist wants to know.

pub(crate) mod around;
pub(crate) mod artist;
pub(crate) mod board;
pub(crate) mod boards;
pub(crate) mod stream;

use domain::AccountId;
use projections::boards::Board;
use projections::queries::RankedArtist;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::extract::Paging;

/// What a page of the rankings shows; what it is kept by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum View {
    /// A page of a board.
    Page { board: Board, paging: Paging },
    /// The rows around an artist.
    Around { board: Board, artist: AccountId, size: u32 },
    /// An artist's place on each of their boards.
    Artist(AccountId),
    /// A page of the list of boards.
    Boards(Paging),
}

/// An artist and their place.
#[derive(Serialize, ToSchema)]
pub(crate) struct Row {
    /// Counted from 1.
    position: u64,
    username: String,
    city: String,
    country: String,
    /// Summed over the artist's published videos.
    votes: u64,
    artist_id: Uuid,
}

impl From<RankedArtist> for Row {
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
