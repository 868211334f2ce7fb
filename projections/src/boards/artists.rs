//! The artists: their standings, once each however many boards they are on, found by id.

use std::hash::BuildHasher;

use domain::ranking::Standing;
use domain::{AccountId, Timestamp};
use hashbrown::{DefaultHashBuilder, HashTable};

use super::key::{Entry, Key};
use super::origins::OriginId;

/// Where an artist is kept. Four bytes, so that boards can hold many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u32);

impl Slot {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// One artist, in one line of memory.
#[derive(Debug)]
#[repr(align(64))]
struct Artist {
    id: AccountId,
    votes: u64,
    reached_at: Timestamp,
    origin: OriginId,
    key: Key,
}

impl Artist {
    fn new(standing: Standing, origin: OriginId) -> Self {
        let Standing { artist: id, votes, reached_at } = standing;
        Self { id, votes, reached_at, origin, key: Key::of(&standing) }
    }
}

#[derive(Debug, Default)]
pub(super) struct Artists {
    artists: Vec<Artist>,
    /// Slots of artists who have gone.
    free: Vec<Slot>,
    index: HashTable<Slot>,
    /// A fast one, and seeded at random. Ids are digests of what only we know, so that nobody can
    /// sign up under many that collide.
    hasher: DefaultHashBuilder,
}

impl Artists {
    /// With slots in the order given.
    pub(super) fn of(artists: Vec<(Standing, OriginId)>) -> Self {
        let artist = |(standing, origin)| Artist::new(standing, origin);
        let artists = artists.into_iter().map(artist).collect();
        let mut all = Self { artists, ..Self::default() };
        all.index.reserve(all.artists.len(), |_| 0);
        for slot in all.slots() {
            all.enter(slot);
        }
        all
    }

    fn enter(&mut self, slot: Slot) {
        let Self { artists, index, hasher, .. } = self;
        let hash = |slot: &Slot| hash(hasher, artists[slot.index()].id);
        index.insert_unique(hash(&slot), slot, hash);
    }

    /// All slots of artists that were given at once, in that order.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        (0..self.artists.len() as u32).map(Slot)
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn slot(&self, artist: AccountId) -> Option<Slot> {
        self.find(artist, hash(&self.hasher, artist))
    }

    /// The slots of many, in less time than one by one: nothing between the looks into memory makes
    /// the processor wait with the next.
    pub(super) fn slots_of(&self, artists: impl Iterator<Item = AccountId>) -> Vec<Option<Slot>> {
        let hashed: Vec<_> = artists.map(|artist| (artist, hash(&self.hasher, artist))).collect();
        hashed.into_iter().map(|(artist, hash)| self.find(artist, hash)).collect()
    }

    fn find(&self, artist: AccountId, hash: u64) -> Option<Slot> {
        self.index.find(hash, |slot| self.artists[slot.index()].id == artist).copied()
    }

    pub(super) fn standing(&self, slot: Slot) -> Standing {
        let Artist { id: artist, votes, reached_at, .. } = self.artists[slot.index()];
        Standing { artist, votes, reached_at }
    }

    pub(super) fn entry(&self, slot: Slot) -> Entry {
        Entry { key: self.artists[slot.index()].key, slot }
    }

    pub(super) fn origin(&self, slot: Slot) -> OriginId {
        self.artists[slot.index()].origin
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
        if self.artists.len() == self.artists.capacity() {
            self.artists.reserve_exact(self.artists.len() / 8 + 16);
        }
        self.artists.push(Artist::new(standing, origin));
        Slot(self.artists.len() as u32 - 1)
    }

    /// Gives an artist who is here another standing.
    pub(super) fn replace(&mut self, slot: Slot, standing: Standing, origin: OriginId) {
        self.artists[slot.index()] = Artist::new(standing, origin);
    }

    /// Lets an artist go.
    pub(super) fn remove(&mut self, slot: Slot) {
        let hash = hash(&self.hasher, self.artists[slot.index()].id);
        if let Ok(entry) = self.index.find_entry(hash, |entered| *entered == slot) {
            entry.remove();
            self.free.push(slot);
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.artists.capacity() * size_of::<Artist>()
            + self.free.capacity() * size_of::<Slot>()
            + self.index.allocation_size()
    }
}

fn hash(hasher: &DefaultHashBuilder, artist: AccountId) -> u64 {
    hasher.hash_one(artist.0.as_u128())
}
