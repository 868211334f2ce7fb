//! All boards, as of one revision of the ranking.

use std::sync::Arc;

use domain::AccountId;
use domain::ranking::Standing;

use super::artists::Artists;
use super::board::Board;
use super::change::Change;
use super::directory::{self, BoardSize};
use super::key::{Entry, Key};
use super::order::{LeafPosition, Order};
use super::origins::{OriginId, Origins};
use super::slot::Slot;
use super::view::{BoardPosition, Page, Ranked};

/// Artists whose memory is fetched in one go. The lines of all of them fit into the nearest caches.
const PREFETCH_BATCH: usize = 64;

/// All boards, as of one revision of the ranking.
#[derive(Debug, Default)]
pub struct Boards {
    ranking_revision: u64,
    artists: Artists,
    origins: Origins,
    /// By the numbers of the boards.
    orders: Vec<Order>,
}

impl Boards {
    pub(super) fn of_parts(
        ranking_revision: u64,
        artists: Artists,
        origins: Origins,
        orders: Vec<Order>,
    ) -> Self {
        Self { ranking_revision, artists, origins, orders }
    }

    /// The revision of the ranking that the boards show.
    pub fn ranking_revision(&self) -> u64 {
        self.ranking_revision
    }

    /// How many artists rank.
    pub fn artists(&self) -> usize {
        self.artists.len()
    }

    /// Moves to a later revision by applying everything that changed since the current one.
    pub fn apply(&mut self, ranking_revision: u64, changes: impl IntoIterator<Item = Change>) {
        let mut changes = changes.into_iter();
        loop {
            let batch: Vec<Change> = changes.by_ref().take(PREFETCH_BATCH).collect();
            if batch.is_empty() {
                break;
            }
            self.prefetch(&batch);
            batch.into_iter().for_each(|change| self.apply_one(change));
        }
        self.ranking_revision = ranking_revision;
    }

    /// Fetches the memory that `changes` will touch. Only speed depends on it: an earlier change of the
    /// batch may move a later one elsewhere.
    fn prefetch(&self, changes: &[Change]) {
        let slots = self.artists.slots_of(changes.iter().map(Change::artist));
        let mut positions: Vec<LeafPosition<'_>> = Vec::new();
        for (change, slot) in changes.iter().zip(slots) {
            let Some(slot) = slot else { continue };
            let old = self.artists.entry(slot);
            let new = change.standing().map(|standing| Entry { key: Key::of(&standing), slot });
            for board in &self.origins.get(self.artists.origin(slot)).boards {
                let order = &self.orders[board.index()];
                positions.extend(order.seek(old, &self.artists));
                positions.extend(new.and_then(|new| order.seek(new, &self.artists)));
            }
        }
        positions.iter().for_each(LeafPosition::prefetch_for_change);
    }

    fn apply_one(&mut self, change: Change) {
        match change {
            Change::Ranks { standing, city, country } => self.rank(standing, &city, &country),
            Change::Leaves(artist) => self.leave(artist),
        }
    }

    fn rank(&mut self, standing: Standing, city: &str, country: &str) {
        let known = self.artists.slot(standing.artist);
        let origin = self.origin(known, city, country);
        let slot = match known {
            Some(slot) => {
                if (self.artists.standing(slot), self.artists.origin(slot)) == (standing, origin) {
                    return;
                }
                self.remove_from_boards(slot);
                self.artists.replace(slot, standing, origin);
                slot
            }
            None => self.artists.insert(standing, origin),
        };
        let origin = self.origins.get_mut(origin);
        origin.artists += 1;
        for board in &origin.boards {
            self.orders[board.index()].insert(slot, &self.artists);
        }
    }

    /// The origin with these names. Most artists keep the one that they have.
    fn origin(&mut self, of: Option<Slot>, city: &str, country: &str) -> OriginId {
        if let Some(id) = of.map(|slot| self.artists.origin(slot))
            && self.origins.get(id).is_spelled(city, country)
        {
            return id;
        }
        let id = self.origins.intern(city, country);
        self.orders.resize_with(self.origins.boards_len(), Order::default);
        id
    }

    fn leave(&mut self, artist: AccountId) {
        if let Some(slot) = self.artists.slot(artist) {
            self.remove_from_boards(slot);
            self.artists.remove(slot);
        }
    }

    /// Removes an artist from all boards. The stored standing must still be the one that ranked them.
    fn remove_from_boards(&mut self, slot: Slot) {
        let origin = self.origins.get_mut(self.artists.origin(slot));
        origin.artists -= 1;
        for board in &origin.boards {
            self.orders[board.index()].remove(slot, &self.artists);
        }
    }

    fn order(&self, board: &Board) -> Option<&Order> {
        self.origins.board(board).map(|id| &self.orders[id.index()])
    }

    /// How many artists are on a board.
    pub fn size(&self, board: &Board) -> u64 {
        self.order(board).map_or(0, |order| order.len() as u64)
    }

    /// An artist's position on a board, counted from 1; `None` if they are not on it.
    pub fn position(&self, board: &Board, artist: AccountId) -> Option<u64> {
        let slot = self.artists.slot(artist)?;
        let found = self.order(board)?.seek(self.artists.entry(slot), &self.artists)?;
        Some(found.position(slot)? as u64 + 1)
    }

    /// The positions of many artists on a board. Faster than one by one: the lookups are batched.
    pub fn positions(&self, board: &Board, artists: &[AccountId]) -> Vec<Option<u64>> {
        let Some(order) = self.order(board) else { return vec![None; artists.len()] };
        let batch = |artists| self.positions_on(order, artists);
        artists.chunks(PREFETCH_BATCH).flat_map(batch).collect()
    }

    fn positions_on(&self, order: &Order, artists: &[AccountId]) -> Vec<Option<u64>> {
        let slots = self.artists.slots_of(artists.iter().copied());
        let seek = |slot| Some((slot, order.seek(self.artists.entry(slot), &self.artists)?));
        let found: Vec<Option<(Slot, LeafPosition<'_>)>> =
            slots.into_iter().map(|slot| slot.and_then(seek)).collect();
        found.iter().flatten().for_each(|(_, leaf)| leaf.prefetch());
        let position =
            |(slot, leaf): (Slot, LeafPosition<'_>)| Some(leaf.position(slot)? as u64 + 1);
        found.into_iter().map(|found| found.and_then(position)).collect()
    }

    /// The rows of a board after the first `skip`, at most `limit`.
    pub fn page(&self, board: &Board, skip: u64, limit: u32) -> Page {
        let Some(order) = self.order(board) else { return Page { total: 0, artists: Vec::new() } };
        let from = usize::try_from(skip).unwrap_or(usize::MAX);
        let slots = order.slots(from, limit as usize);
        let ranked = |(position, slot)| self.ranked(position, slot);
        let artists = (skip.saturating_add(1)..).zip(slots).map(ranked).collect();
        Page { total: order.len() as u64, artists }
    }

    /// An artist on a board; `None` if they are not on it.
    pub fn find(&self, board: &Board, artist: AccountId) -> Option<Ranked> {
        let position = self.position(board, artist)?;
        self.artists.slot(artist).map(|slot| self.ranked(position, slot))
    }

    fn ranked(&self, position: u64, slot: Slot) -> Ranked {
        let origin = self.origins.get(self.artists.origin(slot));
        Ranked {
            position,
            standing: self.artists.standing(slot),
            city: Arc::clone(&origin.city),
            country: Arc::clone(&origin.country),
        }
    }

    /// The `size` rows around an artist, who is in the middle unless an end of the board is near.
    /// `None` if they are not on the board.
    pub fn around(&self, board: &Board, artist: AccountId, size: u32) -> Option<Page> {
        let before = self.position(board, artist)? - 1;
        let last = self.size(board).saturating_sub(u64::from(size));
        let skip = before.saturating_sub(u64::from(size) / 2).min(last);
        Some(self.page(board, skip, size))
    }

    /// An artist's position on the board of all artists, and on each of their boards. `None` if they
    /// do not rank.
    pub fn standing(&self, artist: AccountId) -> Option<(Ranked, Vec<BoardPosition>)> {
        let slot = self.artists.slot(artist)?;
        let origin = self.origins.get(self.artists.origin(slot));
        let boards = Board::all_of(&origin.city, &origin.country);
        let position = |board: &Board| {
            Some(BoardPosition {
                city: board.city().map(|_| Arc::clone(&origin.city)),
                country: board.country().map(|_| Arc::clone(&origin.country)),
                position: self.position(board, artist)?,
                total: self.size(board),
            })
        };
        let positions = boards.iter().map(position).collect::<Option<Vec<_>>>()?;
        let everybody = self.position(&Board::default(), artist)?;
        Some((self.ranked(everybody, slot), positions))
    }

    /// All boards that have artists: that of all artists, then countries, then cities; the largest
    /// first. Boards of a city in one country are not listed: they are parts of the city's.
    pub fn directory(&self) -> Vec<BoardSize> {
        directory::list(&self.origins, |id| self.orders[id.index()].len() as u64)
    }

    /// Panics if an invariant is broken.
    #[cfg(test)]
    pub(super) fn check(&self) {
        self.orders.iter().for_each(|order| order.check(&self.artists));
    }

    /// Bytes allocated for all boards.
    pub fn heap_bytes(&self) -> usize {
        self.artists.heap_bytes()
            + self.origins.heap_bytes()
            + self.orders.capacity() * size_of::<Order>()
            + self.orders.iter().map(Order::heap_bytes).sum::<usize>()
    }
}
