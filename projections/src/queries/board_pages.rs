//! Pages of boards and positions of artists. Positions come from memory, names from the name cache.

use domain::AccountId;
use tokio::sync::watch;

use super::display_name::NEUTRAL_NAME;
use super::handle::{Queries, boards_not_loaded};
use crate::boards::{Board, BoardPosition, BoardSize, Boards, Page, Ranked};
use crate::query_error::QueryError;
use crate::rankings::{BoardChanges, BoardsVersion};

/// An artist on a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankedArtist {
    /// Their position, their score and their origin.
    pub ranked: Ranked,
    /// Their name, or a neutral one.
    pub name: String,
}

/// Consecutive rows of a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankingPage {
    /// The version of the boards that the page shows.
    pub version: u64,
    /// Artists on the whole board.
    pub total: u64,
    /// The rows, in rank order.
    pub artists: Vec<RankedArtist>,
}

/// What changed on a board since an earlier version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankingChanges {
    /// The version after these changes.
    pub version: u64,
    /// Artists on the whole board.
    pub total: u64,
    /// The artists who changed, in rank order, at their new positions.
    pub artists: Vec<RankedArtist>,
    /// Artists who changed and are not on the board now. Some of them never were.
    pub gone: Vec<AccountId>,
    /// Whether more artists changed, all of them behind the listed ones.
    pub more: bool,
}

/// The positions of an artist on all of their boards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtistStanding {
    /// The version of the boards that this shows.
    pub version: u64,
    /// The artist, on the board of all artists.
    pub artist: RankedArtist,
    /// Their position on each of their boards.
    pub positions: Vec<BoardPosition>,
}

impl Queries {
    /// The newest version of the boards.
    ///
    /// # Errors
    /// [`QueryError::Unavailable`] until they are loaded.
    pub fn boards_version(&self) -> Result<BoardsVersion, QueryError> {
        self.rankings.version().ok_or_else(boards_not_loaded)
    }

    /// Every version of the boards from now on.
    pub fn boards_versions(&self) -> watch::Receiver<Option<BoardsVersion>> {
        self.rankings.versions()
    }

    /// What changed on `board` since version `known`, at most `limit` artists. `None` if changes since
    /// then are no longer remembered.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer.
    pub async fn ranking_changes(
        &self,
        board: &Board,
        known: u64,
        limit: usize,
    ) -> Result<Option<RankingChanges>, QueryError> {
        let Some(changes) = self.rankings.changes(board, known, limit) else { return Ok(None) };
        let BoardChanges { version, total, ranked, gone, more } = changes;
        let artists = self.name(ranked).await?;
        Ok(Some(RankingChanges { version, total, artists, gone, more }))
    }

    /// The rows of `board` after the first `skip`, at most `limit`.
    ///
    /// # Errors
    /// [`QueryError`] if the boards are not loaded, or the database gives no answer.
    pub async fn ranking(
        &self,
        board: &Board,
        skip: u64,
        limit: u32,
    ) -> Result<RankingPage, QueryError> {
        let (version, page) = self.read_boards(|boards| boards.page(board, skip, limit))?;
        self.name_page(version, page).await
    }

    /// The `size` rows of `board` around an artist; `None` if they are not on it.
    ///
    /// # Errors
    /// [`QueryError`] if the boards are not loaded, or the database gives no answer.
    pub async fn ranking_around(
        &self,
        board: &Board,
        artist: AccountId,
        size: u32,
    ) -> Result<Option<RankingPage>, QueryError> {
        match self.read_boards(|boards| boards.around(board, artist, size))? {
            (version, Some(page)) => self.name_page(version, page).await.map(Some),
            (_, None) => Ok(None),
        }
    }

    /// The positions of an artist on all of their boards; `None` if they do not rank.
    ///
    /// # Errors
    /// [`QueryError`] if the boards are not loaded, or the database gives no answer.
    pub async fn standing(&self, artist: AccountId) -> Result<Option<ArtistStanding>, QueryError> {
        let (version, Some((ranked, positions))) =
            self.read_boards(|boards| boards.standing(artist))?
        else {
            return Ok(None);
        };
        let artist = self.name(vec![ranked]).await?.pop();
        Ok(artist.map(|artist| ArtistStanding { version, artist, positions }))
    }

    /// All boards that have artists, and the version that this shows.
    ///
    /// # Errors
    /// [`QueryError::Unavailable`] until they are loaded.
    pub fn boards(&self) -> Result<(u64, Vec<BoardSize>), QueryError> {
        self.read_boards(Boards::directory)
    }

    async fn name_page(&self, version: u64, page: Page) -> Result<RankingPage, QueryError> {
        let artists = self.name(page.artists).await?;
        Ok(RankingPage { version, total: page.total, artists })
    }

    /// Adds the names of all artists, with one lookup.
    pub(super) async fn name(&self, artists: Vec<Ranked>) -> Result<Vec<RankedArtist>, QueryError> {
        let names = self.names.of(artists.iter().map(|ranked| ranked.standing.artist)).await?;
        let named = |ranked: Ranked| {
            let name = names.get(&ranked.standing.artist);
            RankedArtist { ranked, name: name.map_or(NEUTRAL_NAME, |name| name).to_owned() }
        };
        Ok(artists.into_iter().map(named).collect())
    }
}
