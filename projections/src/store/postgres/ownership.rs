//! Which generation a store owns partitions of.

use crate::generations::GenerationState;

/// The generation that a store writes to.
#[derive(Clone, Copy)]
pub(super) struct Ownership {
    pub(super) writes: GenerationState,
    /// Its number, once it is known.
    pub(super) generation: Option<i64>,
}
