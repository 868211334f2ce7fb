//! Origins of artists: each spelling of a city and country, stored once, with its boards.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;

use super::board::Board;

/// A board's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct BoardId(u32);

impl BoardId {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// An origin's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OriginId(u32);

/// A city and its country, as some artists spell them.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) city: Arc<str>,
    pub(super) country: Arc<str>,
    /// The boards that these artists are on.
    pub(super) boards: Box<[BoardId]>,
    /// How many of them rank now.
    pub(super) artists: u32,
}

impl Origin {
    pub(super) fn is_spelled(&self, city: &str, country: &str) -> bool {
        (&*self.city, &*self.country) == (city, country)
    }
}

/// All origins, and all boards that they name.
#[derive(Debug, Default)]
pub(super) struct Origins {
    origins: Vec<Origin>,
    index: HashTable<OriginId>,
    hasher: RandomState,
    boards: HashMap<Board, BoardId>,
}

impl Origins {
    /// The number of an origin, which is added if it is new.
    pub(super) fn intern(&mut self, city: &str, country: &str) -> OriginId {
        let hash = self.hasher.hash_one((city, country));
        let same = |id: &OriginId| self.get(*id).is_spelled(city, country);
        if let Some(id) = self.index.find(hash, same) {
            return *id;
        }
        let id = OriginId(self.origins.len() as u32);
        let boards = Board::all_of(city, country);
        let boards = boards.into_iter().map(|board| self.number(board)).collect();
        self.origins.push(Origin {
            city: city.into(),
            country: country.into(),
            boards,
            artists: 0,
        });
        let Self { origins, index, hasher, .. } = self;
        index.insert_unique(hash, id, |id| {
            let origin = &origins[id.0 as usize];
            hasher.hash_one((&*origin.city, &*origin.country))
        });
        id
    }

    fn number(&mut self, board: Board) -> BoardId {
        let next = BoardId(self.boards.len() as u32);
        *self.boards.entry(board).or_insert(next)
    }

    pub(super) fn get(&self, id: OriginId) -> &Origin {
        &self.origins[id.0 as usize]
    }

    pub(super) fn get_mut(&mut self, id: OriginId) -> &mut Origin {
        &mut self.origins[id.0 as usize]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Origin> {
        self.origins.iter()
    }

    pub(super) fn board(&self, board: &Board) -> Option<BoardId> {
        self.boards.get(board).copied()
    }

    /// All boards, by their numbers.
    pub(super) fn boards(&self) -> Vec<(BoardId, &Board)> {
        let mut boards: Vec<_> = self.boards.iter().map(|(board, id)| (*id, board)).collect();
        boards.sort_unstable_by_key(|(id, _)| id.index());
        boards
    }

    pub(super) fn boards_len(&self) -> usize {
        self.boards.len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        // The texts, their reference counters, and the numbers of the boards.
        let texts = |origin: &Origin| {
            origin.city.len()
                + origin.country.len()
                + 4 * size_of::<usize>()
                + size_of_val(&*origin.boards)
        };
        let keys =
            |board: &Board| board.city().map_or(0, str::len) + board.country().map_or(0, str::len);
        self.origins.capacity() * size_of::<Origin>()
            + self.origins.iter().map(texts).sum::<usize>()
            + self.index.allocation_size()
            + self.boards.capacity() * (size_of::<(Board, BoardId)>() + 1)
            + self.boards.keys().map(keys).sum::<usize>()
    }
}
