//! Which generation a store owns partitions of.

use crate::generations::State;

/// The generation that a store writes to.
#[derive(Clone, Copy)]
pub(super) struct Ownership {
    pub(super) writes: State,
    /// Its number, once it is known.
    pub(super) generation: Option<i64>,
}
