//! Projections: the log folded into read models.
//!
//! This room holds the projector loop, its checkpoints, the read models (their writes and their
//! queries), the ranking, rebuilds and checksums.
//!
//! Never in here: a rule (those are `domain`'s), an append to the log, HTTP. Nobody else writes a
//! read-model table.

pub mod boards;
mod by_keys;
pub mod checksum;
mod erasure_epoch;
pub mod generations;
pub mod notifications;
pub mod projector;
pub mod queries;
mod query_batcher;
mod query_error;
pub mod rankings;
pub mod read_models;
pub mod rebuild;
pub mod store;

pub use erasure_epoch::ErasureEpoch;
pub use projector::{ProjectionError, Projector};
