//! What everybody sees.

pub(super) mod rankings;
pub(super) mod videos;
pub(super) mod vote;
