//! What readers get from a board.

use std::sync::Arc;

use domain::ranking::Standing;

/// An artist on a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// Counted from 1.
    pub position: u64,
    /// The artist and their score.
    pub standing: Standing,
    /// Their city, as they spell it.
    pub city: Arc<str>,
    /// Their country, as they spell it.
    pub country: Arc<str>,
}

/// Consecutive rows of a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Artists on the whole board.
    pub total: u64,
    /// The rows, in rank order.
    pub artists: Vec<Ranked>,
}

/// An artist's position on one of their boards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardPosition {
    /// The board's city, as the artist spells it; `None` if the board is not a city's.
    pub city: Option<Arc<str>>,
    /// The board's country, as the artist spells it; `None` if the board is not a country's.
    pub country: Option<Arc<str>>,
    /// Counted from 1.
    pub position: u64,
    /// Artists on the whole board.
    pub total: u64,
}
