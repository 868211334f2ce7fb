//! The order of one board: an order-statistic tree of slots, sorted by the standings of their artists.
//!
//! Lookups are random, so almost every cache line must be fetched, and fetches dominate the cost. Each
//! slot has its [`Key`](super::key::Key) in the same leaf: artists with different keys compare without
//! a fetch of their standings. One or two levels of branches stand above the leaves. ADR 0011 has the
//! measurements.

mod branch;
mod leaf;
mod run;

use std::hint::black_box;
use std::mem::take;

use super::artists::Artists;
use super::key::Entry;
use super::slot::Slot;
use branch::Branch;
use leaf::Leaf;
use run::Run;

/// A sorted list of slots with positions. The standing of a slot must not change while the list holds it.
#[derive(Debug, Default)]
pub(super) struct Order(Tree);

/// Most boards are small and rarely read, so they are not cached: one level less saves a fetch.
#[derive(Debug)]
enum Tree {
    Small(Branch<Leaf>),
    Large(Branch<Branch<Leaf>>),
}

impl Default for Tree {
    fn default() -> Self {
        Self::Small(Branch::default())
    }
}

/// The leaf in which an artist is or would be, and the number of slots before that leaf.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeafPosition<'a> {
    before: usize,
    leaf: &'a Leaf,
}

impl LeafPosition<'_> {
    /// How many slots are before `slot`; `None` if it is absent.
    pub(super) fn position(&self, slot: Slot) -> Option<usize> {
        Some(self.before + self.leaf.index_of(slot)?)
    }

    /// Reads the lines that [`Self::position`] needs, so that the fetches of many leaves overlap.
    pub(super) fn prefetch(&self) {
        black_box(self.leaf.touch_slots());
    }

    /// Reads the lines that a change needs.
    pub(super) fn prefetch_for_change(&self) {
        black_box((self.leaf.touch_slots(), self.leaf.touch_keys()));
    }
}

impl Order {
    /// Builds an order from sorted slots.
    pub(super) fn of_sorted(slots: &[Slot], artists: &Artists) -> Self {
        let entries: Vec<Entry> = slots.iter().map(|slot| artists.entry(*slot)).collect();
        Self(if entries.len() <= Branch::<Leaf>::FILLED {
            Tree::Small(Branch::of_sorted(&entries))
        } else {
            Tree::Large(Branch::of_sorted(&entries))
        })
    }

    pub(super) fn len(&self) -> usize {
        match &self.0 {
            Tree::Small(branch) => branch.len(),
            Tree::Large(branch) => branch.len(),
        }
    }

    /// Where an artist is or would be; `None` if the board is empty.
    pub(super) fn seek(&self, of: Entry, artists: &Artists) -> Option<LeafPosition<'_>> {
        let (before, leaf) = match &self.0 {
            Tree::Small(branch) => branch.seek(of, artists),
            Tree::Large(branch) => branch.seek(of, artists),
        }?;
        Some(LeafPosition { before, leaf })
    }

    /// At most `most` slots, beginning at position `from`.
    pub(super) fn slots(&self, from: usize, most: usize) -> Vec<Slot> {
        let mut slots = Vec::new();
        match &self.0 {
            Tree::Small(branch) => branch.copy(from, most, &mut slots),
            Tree::Large(branch) => branch.copy(from, most, &mut slots),
        }
        slots
    }

    /// Adds an absent artist.
    pub(super) fn insert(&mut self, slot: Slot, artists: &Artists) {
        let entry = artists.entry(slot);
        match &mut self.0 {
            Tree::Small(branch) => {
                if let Some(upper) = branch.insert(entry, artists) {
                    self.0 = Tree::Large(Branch::of_runs(vec![take(branch), upper]));
                }
            }
            Tree::Large(branch) => branch.put(entry, artists),
        }
    }

    /// Removes a present artist.
    pub(super) fn remove(&mut self, slot: Slot, artists: &Artists) {
        let entry = artists.entry(slot);
        match &mut self.0 {
            Tree::Small(branch) => branch.remove(entry, artists),
            Tree::Large(branch) => branch.remove(entry, artists),
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match &self.0 {
            Tree::Small(branch) => branch.heap_bytes(),
            Tree::Large(branch) => branch.heap_bytes(),
        }
    }

    /// Panics if an invariant is broken.
    #[cfg(test)]
    pub(super) fn check(&self, artists: &Artists) {
        match &self.0 {
            Tree::Small(branch) => branch.check(artists),
            Tree::Large(branch) => branch.check(artists),
        }
        let slots = self.slots(0, usize::MAX);
        assert_eq!(slots.len(), self.len());
        let standings = slots.iter().map(|slot| artists.standing(*slot));
        assert!(standings.is_sorted_by(|one, next| one < next), "out of order");
    }
}
