//! The artists: their standings, once each however many boards they are on, found by id.

use std::hash::{BuildHasher, RandomState};

use domain::AccountId;
use domain::ranking::Standing;
use hashbrown::HashTable;

use super::origins::OriginId;

/// Where an artist is kept. Four bytes, so that a board costs little more than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u32);

impl Slot {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug, Default)]
pub(super) struct Artists {
    standings: Vec<Standing>,
    origins: Vec<OriginId>,
    /// Slots of artists who have gone.
    free: Vec<Slot>,
    index: HashTable<Slot>,
    hasher: RandomState,
}

impl Artists {
    /// With slots in the order given.
    pub(super) fn of(artists: Vec<(Standing, OriginId)>) -> Self {
        let (standings, origins): (Vec<Standing>, Vec<OriginId>) = artists.into_iter().unzip();
        let mut all = Self { standings, origins, ..Self::default() };
        all.standings.shrink_to_fit();
        all.origins.shrink_to_fit();
        all.index.reserve(all.standings.len(), |_| 0);
        for slot in all.slots() {
            all.enter(slot);
        }
        all
    }

    fn enter(&mut self, slot: Slot) {
        let Self { standings, index, hasher, .. } = self;
        let hash = |slot: &Slot| hasher.hash_one(standings[slot.index()].artist);
        index.insert_unique(hash(&slot), slot, hash);
    }

    /// All slots of artists that were given at once, in that order.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        (0..self.standings.len() as u32).map(Slot)
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn slot(&self, artist: AccountId) -> Option<Slot> {
        let same = |slot: &Slot| self.standings[slot.index()].artist == artist;
        self.index.find(self.hasher.hash_one(artist), same).copied()
    }

    /// All standings, by slot. Those of free slots mean nothing.
    pub(super) fn standings(&self) -> &[Standing] {
        &self.standings
    }

    pub(super) fn standing(&self, slot: Slot) -> Standing {
        self.standings[slot.index()]
    }

    pub(super) fn origin(&self, slot: Slot) -> OriginId {
        self.origins[slot.index()]
    }

    /// Takes in an artist who is not here.
    pub(super) fn insert(&mut self, standing: Standing, origin: OriginId) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| self.grow(standing, origin));
        self.replace(slot, standing, origin);
        self.enter(slot);
        slot
    }

    fn grow(&mut self, standing: Standing, origin: OriginId) -> Slot {
        // By an eighth: doubling would leave half of a large slab empty.
        if self.standings.len() == self.standings.capacity() {
            let more = self.standings.len() / 8 + 16;
            self.standings.reserve_exact(more);
            self.origins.reserve_exact(more);
        }
        self.standings.push(standing);
        self.origins.push(origin);
        Slot(self.standings.len() as u32 - 1)
    }

    /// Gives an artist who is here another standing.
    pub(super) fn replace(&mut self, slot: Slot, standing: Standing, origin: OriginId) {
        self.standings[slot.index()] = standing;
        self.origins[slot.index()] = origin;
    }

    /// Lets an artist go.
    pub(super) fn remove(&mut self, slot: Slot) {
        let hash = self.hasher.hash_one(self.standings[slot.index()].artist);
        if let Ok(entry) = self.index.find_entry(hash, |entered| *entered == slot) {
            entry.remove();
            self.free.push(slot);
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.standings.capacity() * size_of::<Standing>()
            + self.origins.capacity() * size_of::<OriginId>()
            + self.free.capacity() * size_of::<Slot>()
            + self.index.allocation_size()
    }
}
