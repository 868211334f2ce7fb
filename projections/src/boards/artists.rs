//! The standings of artists, stored once per artist and found by account id.

use std::hash::BuildHasher;

use domain::ranking::Standing;
use domain::{AccountId, Timestamp};
use hashbrown::{DefaultHashBuilder, HashTable};

use super::key::{Entry, Key};
use super::origins::OriginId;
use super::slot::Slot;

/// One artist, in one cache line.
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
    /// Slots of artists who have left, to be used again.
    free: Vec<Slot>,
    index: HashTable<Slot>,
    /// Fast, and seeded at random. Account ids are digests of a secret, so that no client can choose
    /// ids that collide.
    hasher: DefaultHashBuilder,
}

impl Artists {
    /// Stores `artists` with slots in the order given.
    pub(super) fn of(artists: Vec<(Standing, OriginId)>) -> Self {
        let artist = |(standing, origin)| Artist::new(standing, origin);
        let artists = artists.into_iter().map(artist).collect();
        let mut all = Self { artists, ..Self::default() };
        all.index.reserve(all.artists.len(), |_| 0);
        for slot in all.slots() {
            all.index_slot(slot);
        }
        all
    }

    fn index_slot(&mut self, slot: Slot) {
        let Self { artists, index, hasher, .. } = self;
        let hash = |slot: &Slot| hash(hasher, artists[slot.index()].id);
        index.insert_unique(hash(&slot), slot, hash);
    }

    /// All slots, in order. Valid only before the first removal.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        (0..self.artists.len() as u32).map(Slot)
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn slot(&self, artist: AccountId) -> Option<Slot> {
        self.find(artist, hash(&self.hasher, artist))
    }

    /// The slots of many artists. Hashing comes first, so that the processor overlaps the memory
    /// accesses of all lookups.
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

    /// Adds an artist who is absent.
    pub(super) fn insert(&mut self, standing: Standing, origin: OriginId) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| self.grow(standing, origin));
        self.replace(slot, standing, origin);
        self.index_slot(slot);
        slot
    }

    fn grow(&mut self, standing: Standing, origin: OriginId) -> Slot {
        // Grow by an eighth: doubling would leave half of a large slab empty.
        if self.artists.len() == self.artists.capacity() {
            self.artists.reserve_exact(self.artists.len() / 8 + 16);
        }
        self.artists.push(Artist::new(standing, origin));
        Slot(self.artists.len() as u32 - 1)
    }

    /// Replaces the standing of a present artist.
    pub(super) fn replace(&mut self, slot: Slot, standing: Standing, origin: OriginId) {
        self.artists[slot.index()] = Artist::new(standing, origin);
    }

    /// Removes a present artist.
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
