//! Invented contests that tests and benchmarks append straight to the log.
//!
//! No verdict is awaited, and no account can log in: the password hashes are invalid.
//!
//! Not here: a contest for production. `anb demo` goes through the public API.

mod draw;
mod events;
mod large;
mod plan;
mod seeded;

pub use large::{Size, append};
pub use seeded::SeededContest;
