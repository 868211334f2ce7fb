//! A sorted run of slots: a leaf, or a branch of shorter runs.

use super::super::artists::Artists;
use super::super::key::{Entry, Key};
use super::super::slot::Slot;
use super::leaf::{Leaf, MAX_SLOTS};

/// By how many slots a full leaf grows.
const LEAF_GROWTH: usize = 12;

pub(super) trait Run: Sized {
    /// Slots in a newly built run. It leaves room for some more.
    const FILLED: usize;

    /// From at least one entry, in order.
    fn of_sorted(entries: &[Entry]) -> Self;

    fn len(&self) -> usize;

    fn first(&self) -> Entry;

    /// The leaf in which an artist is or would be, and the number of slots before that leaf.
    fn seek(&self, of: Entry, artists: &Artists) -> Option<(usize, &Leaf)>;

    /// Appends the slots from position `from` on, until `slots` has `most`.
    fn copy(&self, from: usize, most: usize, slots: &mut Vec<Slot>);

    /// Adds an absent entry. Returns the upper half if the run grows too long.
    fn insert(&mut self, entry: Entry, artists: &Artists) -> Option<Self>;

    /// Removes a present entry. The run may be empty afterwards.
    fn remove(&mut self, entry: Entry, artists: &Artists);

    /// Whether the run should join a neighbour.
    fn is_short(&self) -> bool;

    /// Whether this run and the next one are short enough to be one.
    fn joins(&self, next: &Self) -> bool;

    fn join(&mut self, next: Self);

    fn heap_bytes(&self) -> usize;

    /// Panics if an invariant is broken.
    #[cfg(test)]
    fn check(&self, artists: &Artists);
}

/// How many of the sorted `keys` do not come after `of`. `slot` gives the slot of a key.
pub(super) fn count_up_to(
    of: Entry,
    keys: &[Key],
    slot: impl Fn(usize) -> Slot,
    artists: &Artists,
) -> usize {
    let before = keys.partition_point(|key| *key < of.key);
    if keys.get(before) != Some(&of.key) {
        return before;
    }
    let standing = artists.standing(of.slot);
    let (mut from, mut to) =
        (before, before + keys[before..].partition_point(|key| *key == of.key));
    while from < to {
        let middle = from.midpoint(to);
        if artists.standing(slot(middle)) <= standing { from = middle + 1 } else { to = middle }
    }
    from
}

impl Run for Leaf {
    const FILLED: usize = MAX_SLOTS / 4 * 3;

    fn of_sorted(entries: &[Entry]) -> Self {
        let slots = entries.iter().map(|entry| entry.slot).collect();
        Self { slots, keys: entries.iter().map(|entry| entry.key).collect() }
    }

    fn len(&self) -> usize {
        self.slots.len()
    }

    fn first(&self) -> Entry {
        Entry { key: self.keys[0], slot: self.slots[0] }
    }

    fn seek(&self, _: Entry, _: &Artists) -> Option<(usize, &Leaf)> {
        Some((0, self))
    }

    fn copy(&self, from: usize, most: usize, slots: &mut Vec<Slot>) {
        slots.extend(self.slots.iter().skip(from).take(most - slots.len()));
    }

    fn insert(&mut self, entry: Entry, artists: &Artists) -> Option<Self> {
        let index = count_up_to(entry, &self.keys, |index| self.slots[index], artists);
        if self.len() == self.slots.capacity() {
            self.slots.reserve_exact(LEAF_GROWTH);
            self.keys.reserve_exact(LEAF_GROWTH);
        }
        self.slots.insert(index, entry.slot);
        self.keys.insert(index, entry.key);
        if self.len() <= MAX_SLOTS {
            return None;
        }
        let half = MAX_SLOTS / 2;
        let upper = Self { slots: self.slots.split_off(half), keys: self.keys.split_off(half) };
        self.slots.shrink_to(Self::FILLED);
        self.keys.shrink_to(Self::FILLED);
        Some(upper)
    }

    fn remove(&mut self, entry: Entry, _: &Artists) {
        if let Some(index) = self.index_of(entry.slot) {
            self.slots.remove(index);
            self.keys.remove(index);
        }
    }

    fn is_short(&self) -> bool {
        self.len() <= MAX_SLOTS / 4
    }

    fn joins(&self, next: &Self) -> bool {
        self.len() + next.len() <= MAX_SLOTS / 2
    }

    fn join(&mut self, next: Self) {
        self.slots.extend(next.slots);
        self.keys.extend(next.keys);
    }

    fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>() + self.keys.capacity() * size_of::<Key>()
    }

    #[cfg(test)]
    fn check(&self, artists: &Artists) {
        assert!((1..=MAX_SLOTS).contains(&self.len()), "a leaf of {}", self.len());
        let keys = self.slots.iter().map(|slot| Key::of(&artists.standing(*slot)));
        assert!(keys.eq(self.keys.iter().copied()), "keys of other standings");
    }
}
