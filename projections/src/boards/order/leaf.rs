//! Slots side by side, and their keys.

use super::super::artists::{Artists, Slot};
use super::super::key::{Entry, Key};
use super::run::{Run, up_to};

/// The most slots in a leaf. They are looked through from end to end, which is soon done.
const MOST: usize = 96;
/// By how much a full leaf grows.
const GROWTH: usize = 12;
/// So many slots, or keys, are in one line of memory.
const SLOTS_A_LINE: usize = 16;
const KEYS_A_LINE: usize = 8;

#[derive(Debug)]
pub(super) struct Leaf {
    slots: Vec<Slot>,
    keys: Vec<Key>,
}

impl Leaf {
    /// How many are before `slot` in here; `None` if it is not here.
    pub(super) fn place(&self, slot: Slot) -> Option<usize> {
        // To the end even if it has been found: the processor need not guess where that is, and goes
        // on to whatever comes next while this leaf is on its way.
        let mut place = 0;
        for (other, number) in self.slots.iter().zip(1_u32..) {
            place |= if *other == slot { number } else { 0 };
        }
        (place as usize).checked_sub(1)
    }

    /// Something of every line of the slots.
    pub(super) fn glance_at_slots(&self) -> usize {
        self.slots.iter().step_by(SLOTS_A_LINE).fold(0, |all, slot| all ^ slot.index())
    }

    /// Something of every line of the keys.
    pub(super) fn glance_at_keys(&self) -> Option<Key> {
        self.keys.iter().step_by(KEYS_A_LINE).max().copied()
    }

    fn split(&mut self) -> Self {
        let upper =
            Self { slots: self.slots.split_off(MOST / 2), keys: self.keys.split_off(MOST / 2) };
        self.slots.shrink_to(Self::FILLED);
        self.keys.shrink_to(Self::FILLED);
        upper
    }
}

impl Run for Leaf {
    const FILLED: usize = MOST / 4 * 3;

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
        let place = up_to(entry, &self.keys, |place| self.slots[place], artists);
        if self.len() == self.slots.capacity() {
            self.slots.reserve_exact(GROWTH);
            self.keys.reserve_exact(GROWTH);
        }
        self.slots.insert(place, entry.slot);
        self.keys.insert(place, entry.key);
        (self.len() > MOST).then(|| self.split())
    }

    fn remove(&mut self, entry: Entry, _: &Artists) {
        if let Some(place) = self.place(entry.slot) {
            self.slots.remove(place);
            self.keys.remove(place);
        }
    }

    fn is_short(&self) -> bool {
        self.len() <= MOST / 4
    }

    fn joins(&self, next: &Self) -> bool {
        self.len() + next.len() <= MOST / 2
    }

    fn join(&mut self, next: Self) {
        self.slots.extend(next.slots);
        self.keys.extend(next.keys);
    }

    fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>() + self.keys.capacity() * size_of::<Key>()
    }

    fn check(&self, artists: &Artists) {
        assert!((1..=MOST).contains(&self.len()), "a leaf of {}", self.len());
        let keys = self.slots.iter().map(|slot| Key::of(&artists.standing(*slot)));
        assert!(keys.eq(self.keys.iter().copied()), "keys of other standings");
    }
}
