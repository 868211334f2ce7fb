//! The place of an artist in [`Artists`](super::artists::Artists).

/// The index of an artist's record. Four bytes, so that boards can hold many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(pub(super) u32);

impl Slot {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}
