//! The boards in memory: exact positions, pages and neighbours among a million artists.
//!
//! A score is kept once per artist; each board is a sorted list of slots that point to it, each beside
//! the score in eight bytes. Everything is O(log n): an artist's position, the artist at a position, a
//! page however deep, a change. What it takes is the time in which memory answers: so whatever comes in
//! numbers is done side by side. Pure structure: what keeps it in step with the read models is
//! [`crate::rankings`].
//!
//! Names of artists are personal data, and never in here.

mod artists;
mod board;
mod directory;
mod key;
mod order;
mod origins;

use std::sync::Arc;

use domain::AccountId;
use domain::ranking::Standing;

use artists::{Artists, Slot};
use key::{Entry, Key};
use order::{Order, Spot};
use origins::{OriginId, Origins};

pub use board::Board;
pub use directory::BoardSize;

/// How many artists are looked up side by side. What is on its way for all of them fits into the
/// caches that are nearest.
const ABREAST: usize = 64;

/// All boards, as of one revision of the ranking.
#[derive(Debug, Default)]
pub struct Boards {
    ranking_revision: u64,
    artists: Artists,
    origins: Origins,
    /// By the boards' numbers.
    orders: Vec<Order>,
}

/// What has become of an artist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// They rank, with this standing.
    Ranks {
        /// The standing.
        standing: Standing,
        /// Their city, as they spell it.
        city: String,
        /// Their country, as they spell it.
        country: String,
    },
    /// They have no published video any more.
    Leaves(AccountId),
}

impl Change {
    fn artist(&self) -> AccountId {
        match self {
            Self::Ranks { standing, .. } => standing.artist,
            Self::Leaves(artist) => *artist,
        }
    }

    fn standing(&self) -> Option<Standing> {
        match self {
            Self::Ranks { standing, .. } => Some(*standing),
            Self::Leaves(_) => None,
        }
    }
}

/// An artist on a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// Counted from 1.
    pub position: u64,
    /// The artist and their score.
    pub standing: Standing,
    /// Their city, as they spell it.
    pub city: Arc<str>,
    /// Their country, as they spell it.
    pub country: Arc<str>,
}

/// Some consecutive rows of a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Artists on the whole board.
    pub total: u64,
    /// The rows, in rank order.
    pub artists: Vec<Ranked>,
}

/// Where an artist stands on one of their boards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardPosition {
    /// The board's city, as the artist spells it; `None` if it is no city's.
    pub city: Option<Arc<str>>,
    /// The board's country, as the artist spells it; `None` if it is no country's.
    pub country: Option<Arc<str>>,
    /// Counted from 1.
    pub position: u64,
    /// Artists on the whole board.
    pub total: u64,
}

/// Gathers what a ranking holds, in any order, to make boards of it at once.
#[derive(Debug, Default)]
pub struct BoardsBuilder {
    origins: Origins,
    artists: Vec<(Standing, OriginId)>,
}

impl BoardsBuilder {
    /// Takes in an artist, each one once.
    pub fn add(&mut self, standing: Standing, city: &str, country: &str) {
        let origin = self.origins.enter(city, country);
        self.origins.get_mut(origin).artists += 1;
        self.artists.push((standing, origin));
    }

    /// The boards of all that was gathered.
    pub fn build(self, ranking_revision: u64) -> Boards {
        let Self { origins, mut artists } = self;
        artists.sort_unstable_by_key(|(standing, _)| *standing);
        let artists = Artists::of(artists);
        let mut slots: Vec<Vec<Slot>> = vec![Vec::new(); origins.boards_len()];
        for slot in artists.slots() {
            for board in &origins.get(artists.origin(slot)).boards {
                slots[board.index()].push(slot);
            }
        }
        let order = |slots: Vec<Slot>| Order::of_sorted(&slots, &artists);
        let orders = slots.into_iter().map(order).collect();
        Boards { ranking_revision, artists, origins, orders }
    }
}

impl Boards {
    /// The revision of the ranking that the boards show.
    pub fn ranking_revision(&self) -> u64 {
        self.ranking_revision
    }

    /// How many artists rank.
    pub fn artists(&self) -> usize {
        self.artists.len()
    }

    /// Moves on to a later revision: all that has changed since the one before.
    pub fn apply(&mut self, ranking_revision: u64, changes: impl IntoIterator<Item = Change>) {
        let mut changes = changes.into_iter();
        loop {
            let some: Vec<Change> = changes.by_ref().take(ABREAST).collect();
            if some.is_empty() {
                break;
            }
            self.approach(&some);
            some.into_iter().for_each(|change| self.change(change));
        }
        self.ranking_revision = ranking_revision;
    }

    /// Looks at where changes will be made, at all of them side by side. Nothing depends on it but the
    /// time that they take: some may be made elsewhere in the end, for what came before them.
    fn approach(&self, changes: &[Change]) {
        let slots = self.artists.slots_of(changes.iter().map(Change::artist));
        let mut spots: Vec<Spot<'_>> = Vec::new();
        for (change, slot) in changes.iter().zip(slots) {
            let Some(slot) = slot else { continue };
            let old = self.artists.entry(slot);
            let new = change.standing().map(|standing| Entry { key: Key::of(&standing), slot });
            for board in &self.origins.get(self.artists.origin(slot)).boards {
                let order = &self.orders[board.index()];
                spots.extend(order.seek(old, &self.artists));
                spots.extend(new.and_then(|new| order.seek(new, &self.artists)));
            }
        }
        spots.iter().for_each(Spot::approach_to_change);
    }

    fn change(&mut self, change: Change) {
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
                self.take_off(slot);
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

    /// The origin with these names: most often the one that the artist has already.
    fn origin(&mut self, of: Option<Slot>, city: &str, country: &str) -> OriginId {
        if let Some(id) = of.map(|slot| self.artists.origin(slot))
            && self.origins.get(id).is_spelled(city, country)
        {
            return id;
        }
        let id = self.origins.enter(city, country);
        self.orders.resize_with(self.origins.boards_len(), Order::default);
        id
    }

    fn leave(&mut self, artist: AccountId) {
        if let Some(slot) = self.artists.slot(artist) {
            self.take_off(slot);
            self.artists.remove(slot);
        }
    }

    /// Takes an artist off all boards, by the standing that put them there.
    fn take_off(&mut self, slot: Slot) {
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
        let spot = self.order(board)?.seek(self.artists.entry(slot), &self.artists)?;
        Some(spot.position(slot)? as u64 + 1)
    }

    /// Many artists' positions on a board, in less time than one by one.
    pub fn positions(&self, board: &Board, artists: &[AccountId]) -> Vec<Option<u64>> {
        let Some(order) = self.order(board) else { return vec![None; artists.len()] };
        let some = |artists| self.positions_on(order, artists);
        artists.chunks(ABREAST).flat_map(some).collect()
    }

    fn positions_on(&self, order: &Order, artists: &[AccountId]) -> Vec<Option<u64>> {
        let slots = self.artists.slots_of(artists.iter().copied());
        let seek = |slot| Some((slot, order.seek(self.artists.entry(slot), &self.artists)?));
        let spots: Vec<Option<(Slot, Spot<'_>)>> =
            slots.into_iter().map(|slot| slot.and_then(seek)).collect();
        spots.iter().flatten().for_each(|(_, spot)| spot.approach());
        let position = |(slot, spot): (Slot, Spot<'_>)| Some(spot.position(slot)? as u64 + 1);
        spots.into_iter().map(|spot| spot.and_then(position)).collect()
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

    /// The `size` rows in whose middle an artist is, or as near to it as the board's ends allow;
    /// `None` if they are not on it.
    pub fn around(&self, board: &Board, artist: AccountId, size: u32) -> Option<Page> {
        let before = self.position(board, artist)? - 1;
        let last = self.size(board).saturating_sub(u64::from(size));
        let skip = before.saturating_sub(u64::from(size) / 2).min(last);
        Some(self.page(board, skip, size))
    }

    /// An artist's place on the board of everybody, and on each of their boards; `None` if they do
    /// not rank.
    pub fn standing(&self, artist: AccountId) -> Option<(Ranked, Vec<BoardPosition>)> {
        let slot = self.artists.slot(artist)?;
        let origin = self.origins.get(self.artists.origin(slot));
        let boards = Board::all_of(&origin.city, &origin.country);
        let place = |board: &Board| {
            Some(BoardPosition {
                city: board.city().map(|_| Arc::clone(&origin.city)),
                country: board.country().map(|_| Arc::clone(&origin.country)),
                position: self.position(board, artist)?,
                total: self.size(board),
            })
        };
        let places = boards.iter().map(place).collect::<Option<Vec<_>>>()?;
        let everybody = self.position(&Board::default(), artist)?;
        Some((self.ranked(everybody, slot), places))
    }

    /// Panics unless all holds that must, for tests.
    pub fn check(&self) {
        self.orders.iter().for_each(|order| order.check(&self.artists));
    }

    /// What all this takes, in bytes, by what is allocated.
    pub fn heap_bytes(&self) -> usize {
        self.artists.heap_bytes()
            + self.origins.heap_bytes()
            + self.orders.capacity() * size_of::<Order>()
            + self.orders.iter().map(Order::heap_bytes).sum::<usize>()
    }
}
