//! The list of boards.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::origins::BoardId;
use super::{Board, Boards};

/// A board that has artists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardSize {
    /// Its city, as most of its artists spell it; `None` if it is no city's.
    pub city: Option<Arc<str>>,
    /// Its country, as most of its artists spell it; `None` if it is no country's.
    pub country: Option<Arc<str>>,
    /// How many artists are on it.
    pub artists: u64,
}

impl Boards {
    /// The board of everybody, then those of countries, then those of cities; the largest first.
    /// Boards of a city in one country are not listed: they are parts of the city's.
    pub fn directory(&self) -> Vec<BoardSize> {
        let boards = self.origins.boards();
        let spellings = self.spellings(&boards);
        let spelled = |id: BoardId| spellings.get(&id).map(|(_, name)| Arc::clone(name));
        let listed = boards.iter().filter_map(|(id, board)| {
            let artists = self.orders[id.index()].len() as u64;
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

    /// Of each country's and each city's board, the commonest spelling and how many use it.
    fn spellings(&self, boards: &[(BoardId, &Board)]) -> HashMap<BoardId, (u64, Arc<str>)> {
        let mut counts: HashMap<(BoardId, &Arc<str>), u64> = HashMap::new();
        for origin in self.origins.iter().filter(|origin| origin.artists > 0) {
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
            // Of two that are as common, the same one every time.
            if (count, Reverse(name)) > (best.0, Reverse(&best.1)) {
                *best = (count, Arc::clone(name));
            }
        }
        commonest
    }
}
