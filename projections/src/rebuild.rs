//! Rebuilds of all read models from the log, beside the live ones.
//!
//! A second projector folds the log into a generation of its own. It never gets ahead of the live one, so
//! at some moment both are at the same positions. There the two generations are compared, and switched.
//! Readers, projectors and commands go on meanwhile.

mod automatic;
mod builder;
mod catch_up;
mod control;
mod error;
mod options;
mod procedure;

pub use automatic::rebuild_when_outdated;
pub use error::RebuildError;
pub use options::{RebuildOptions, RebuildProgress};
pub use procedure::{Rebuilt, discard, rebuild, switch_back};
