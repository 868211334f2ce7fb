//! The list of boards that have artists.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::board::Board;
use super::origins::{BoardId, Origins};

/// A board that has artists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardSize {
    /// Its city, as most of its artists spell it; `None` if the board is not a city's.
    pub city: Option<Arc<str>>,
    /// Its country, as most of its artists spell it; `None` if the board is not a country's.
    pub country: Option<Arc<str>>,
    /// How many artists are on it.
    pub artists: u64,
}

/// See [`Boards::directory`](super::Boards::directory). `size` gives the number of artists on a board.
pub(super) fn list(origins: &Origins, size: impl Fn(BoardId) -> u64) -> Vec<BoardSize> {
    let boards = origins.boards();
    let spellings = spellings(origins, &boards);
    let spelled = |id: BoardId| spellings.get(&id).map(|(_, name)| Arc::clone(name));
    let listed = boards.iter().filter_map(|(id, board)| {
        let artists = size(*id);
        let (city, country) = match (board.city(), board.country()) {
            (None, None) => (None, None),
            (None, Some(_)) => (None, Some(spelled(*id)?)),
            (Some(_), None) => (Some(spelled(*id)?), None),
            (Some(_), Some(_)) => return None,
        };
        (artists > 0).then_some(BoardSize { city, country, artists })
    });
    let mut listed: Vec<BoardSize> = listed.collect();
    listed.sort_by_cached_key(|board| {
        let kind = (board.city.is_some(), board.country.is_some());
        (kind, Reverse(board.artists), board.city.clone(), board.country.clone())
    });
    listed
}

/// The commonest spelling of each country's and each city's board, and how many artists use it.
fn spellings(origins: &Origins, boards: &[(BoardId, &Board)]) -> HashMap<BoardId, (u64, Arc<str>)> {
    let mut counts: HashMap<(BoardId, &Arc<str>), u64> = HashMap::new();
    for origin in origins.iter().filter(|origin| origin.artists > 0) {
        for id in &origin.boards {
            let (_, board) = boards[id.index()];
            let name = match (board.city(), board.country()) {
                (None, Some(_)) => &origin.country,
                (Some(_), None) => &origin.city,
                _ => continue,
            };
            *counts.entry((*id, name)).or_default() += u64::from(origin.artists);
        }
    }
    let mut commonest: HashMap<BoardId, (u64, Arc<str>)> = HashMap::new();
    for ((board, name), count) in counts {
        let best = commonest.entry(board).or_insert_with(|| (count, Arc::clone(name)));
        // Of two equally common spellings, always the same one.
        if (count, Reverse(name)) > (best.0, Reverse(&best.1)) {
            *best = (count, Arc::clone(name));
        }
    }
    commonest
}
