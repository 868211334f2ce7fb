//! Projections: the log folded into read models.
//!
//! This crate has the projector loop, its checkpoints, the read models (writes and queries), the ranking
//! boards, rebuilds and checksums. No other crate writes a read-model table.
//!
//! Not here: rules (see `domain`), appends to the log, HTTP.

pub mod announcements;
pub mod boards;
mod checkpoint_rows;
pub mod checksum;
mod commit_notification;
mod erasure_epoch;
pub mod generations;
mod leftovers;
mod log_check;
pub mod log_watch;
pub mod notifications;
mod planner_settings;
pub mod projector;
pub mod queries;
mod query_batcher;
mod query_error;
mod ranking_head;
pub mod rankings;
pub mod read_models;
pub mod rebuild;
pub mod store;

pub use erasure_epoch::ErasureEpoch;
pub use log_check::LogMismatch;
pub use projector::{ProjectionError, Projector};
