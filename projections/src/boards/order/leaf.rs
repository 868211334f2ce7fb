//! Slots side by side, and their keys.

use super::super::key::Key;
use super::super::slot::Slot;

/// The most slots in a leaf. A search scans all of them, which takes less time than one fetch.
pub(super) const MAX_SLOTS: usize = 96;
/// Slots in a cache line of 64 bytes.
const SLOTS_PER_LINE: usize = 16;
/// Keys in a cache line of 64 bytes.
const KEYS_PER_LINE: usize = 8;

#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) slots: Vec<Slot>,
    pub(super) keys: Vec<Key>,
}

impl Leaf {
    /// How many slots of this leaf are before `slot`; `None` if it is absent.
    pub(super) fn index_of(&self, slot: Slot) -> Option<usize> {
        // Without an early exit there is no branch to predict: the processor goes on with later
        // leaves while this one is being fetched.
        let mut found = 0;
        for (other, number) in self.slots.iter().zip(1_u32..) {
            found |= if *other == slot { number } else { 0 };
        }
        (found as usize).checked_sub(1)
    }

    /// Reads one slot of every cache line.
    pub(super) fn touch_slots(&self) -> usize {
        self.slots.iter().step_by(SLOTS_PER_LINE).fold(0, |all, slot| all ^ slot.index())
    }

    /// Reads one key of every cache line.
    pub(super) fn touch_keys(&self) -> Option<Key> {
        self.keys.iter().step_by(KEYS_PER_LINE).max().copied()
    }
}
