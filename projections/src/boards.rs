//! Ranking boards in memory: exact positions, pages and neighbours among a million artists.
//!
//! Each artist's score is stored once. Each board is a sorted list of artist slots, with an eight-byte
//! sort key beside each slot. A position, an artist at a position, a page and a change take O(log n).
//! Memory latency dominates, so lookups of many artists are batched.
//!
//! This is a pure data structure. [`crate::rankings`] keeps it in step with the read models. Boards
//! never hold names of artists: those are personal data.

mod all;
mod artists;
mod board;
mod builder;
mod change;
mod directory;
mod key;
mod order;
mod origins;
mod slot;
mod view;

pub use all::Boards;
pub use board::Board;
pub use builder::BoardsBuilder;
pub use change::Change;
pub use directory::BoardSize;
pub use view::{BoardPosition, Page, Ranked};

#[cfg(test)]
mod tests;
