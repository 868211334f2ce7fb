//! One board's order: a counted tree of slots, sorted by the standings that they stand for.
//!
//! Artists are asked for in no order, so that nearly every line of memory that is looked at has to be
//! fetched first, and the lines are what an operation costs. A slot has its [`Key`](super::key::Key)
//! in the same leaf, so that artists whose keys differ are told apart without a look at them. Above the
//! leaves are one or two levels of branches. See ADR 0011 for what it was measured against.

mod branch;
mod leaf;
mod run;

use std::hint::black_box;
use std::mem::take;

use super::artists::{Artists, Slot};
use super::key::Entry;
use branch::Branch;
use leaf::Leaf;
use run::Run;

/// A sorted list of slots with positions. What a slot stands for must not change while it is in.
#[derive(Debug, Default)]
pub(super) struct Order(Tree);

/// Most boards are small and looked at rarely, so that no cache holds them: a level less is time saved.
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

/// Where somebody is or would be: in that leaf, and so many are before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'a> {
    before: usize,
    leaf: &'a Leaf,
}

impl Spot<'_> {
    /// How many are before `slot`; `None` if it is not in.
    pub(super) fn position(&self, slot: Slot) -> Option<usize> {
        Some(self.before + self.leaf.place(slot)?)
    }

    /// Looks at what a position takes, and waits for none of it: the lines of many leaves are on
    /// their way to the processor at once.
    pub(super) fn approach(&self) {
        black_box(self.leaf.glance_at_slots());
    }

    /// The same with what a change takes.
    pub(super) fn approach_to_change(&self) {
        black_box((self.leaf.glance_at_slots(), self.leaf.glance_at_keys()));
    }
}

impl Order {
    /// From slots that are in order already.
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

    /// Where an artist is or would be; `None` if nobody is here.
    pub(super) fn seek(&self, of: Entry, artists: &Artists) -> Option<Spot<'_>> {
        let (before, leaf) = match &self.0 {
            Tree::Small(branch) => branch.seek(of, artists),
            Tree::Large(branch) => branch.seek(of, artists),
        }?;
        Some(Spot { before, leaf })
    }

    /// The slots from a position on, at most so many.
    pub(super) fn slots(&self, from: usize, most: usize) -> Vec<Slot> {
        let mut slots = Vec::new();
        match &self.0 {
            Tree::Small(branch) => branch.copy(from, most, &mut slots),
            Tree::Large(branch) => branch.copy(from, most, &mut slots),
        }
        slots
    }

    /// Puts an artist who is not in where they belong.
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

    /// Takes an artist who is in out.
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

    /// Panics unless all holds that must, for tests.
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
