//! Boards made from a whole ranking at once.

use domain::ranking::Standing;

use super::all::Boards;
use super::artists::Artists;
use super::order::Order;
use super::origins::{OriginId, Origins};
use super::slot::Slot;

/// Collects the artists of a ranking, in any order.
#[derive(Debug, Default)]
pub struct BoardsBuilder {
    origins: Origins,
    artists: Vec<(Standing, OriginId)>,
}

impl BoardsBuilder {
    /// Adds an artist. Each artist may be added once.
    pub fn add(&mut self, standing: Standing, city: &str, country: &str) {
        let origin = self.origins.intern(city, country);
        self.origins.get_mut(origin).artists += 1;
        self.artists.push((standing, origin));
    }

    /// The boards of all artists that were added, as of `ranking_revision`.
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
        Boards::of_parts(ranking_revision, artists, origins, orders)
    }
}
