//! A sorted run of slots: a leaf, or a branch of shorter runs.

use super::super::artists::{Artists, Slot};
use super::super::key::{Entry, Key};
use super::leaf::Leaf;

pub(super) trait Run: Sized {
    /// How many slots one holds that is made from scratch: room for some to come.
    const FILLED: usize;

    /// From at least one entry, in order.
    fn of_sorted(entries: &[Entry]) -> Self;

    fn len(&self) -> usize;

    fn first(&self) -> Entry;

    /// The leaf in which an artist is or would be, and how many are before it.
    fn seek(&self, of: Entry, artists: &Artists) -> Option<(usize, &Leaf)>;

    /// Adds the slots from a position on, until there are `most`.
    fn copy(&self, from: usize, most: usize, slots: &mut Vec<Slot>);

    /// Takes in an entry that is not here; gives the upper half away if it grows too long.
    fn insert(&mut self, entry: Entry, artists: &Artists) -> Option<Self>;

    /// Lets an entry go that is here. May leave nothing.
    fn remove(&mut self, entry: Entry, artists: &Artists);

    /// Whether it wastes away, and should join a neighbour.
    fn is_short(&self) -> bool;

    /// Whether this and the next one are short enough to be one.
    fn joins(&self, next: &Self) -> bool;

    fn join(&mut self, next: Self);

    fn heap_bytes(&self) -> usize;

    /// Panics unless all holds that must, for tests.
    fn check(&self, artists: &Artists);
}

/// How many of `keys`, which are in order, do not come after `of`; `slot` says whose a key is.
pub(super) fn up_to(
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
