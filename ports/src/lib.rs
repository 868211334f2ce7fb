//! The ports between the write side and the read side.
//!
//! `commands` and the transcoder append events; `projections` folds them. Neither knows the other.
//! [`read_models`] is what the write side asks before it appends, and [`verdicts`] is how it learns
//! what the fold said. `projections` implements both traits. [`append_gate`] is what both consult before
//! an event goes into the log.
//!
//! Not here: a rule of the contest, SQL, HTTP, an adapter. The crate depends on `domain` for the words
//! and on `infra` for the event log's port.

pub mod append_gate;
mod lookup_error;
pub mod read_models;
pub mod verdicts;

pub use lookup_error::LookupError;
