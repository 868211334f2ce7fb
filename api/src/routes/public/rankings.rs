//! The rankings: pages of a board, and an artist's positions.

pub(crate) mod around;
pub(crate) mod artist;
pub(crate) mod board;
pub(crate) mod boards;
pub(crate) mod stream;
