//! The boards that this process serves, and the follower that keeps them in step with the read models.

mod boards_follower;
mod current;
mod ranking_rows;
mod recent_changes;
mod version;

pub use boards_follower::BoardsFollower;
pub use current::{BoardChanges, Rankings};
pub use version::BoardsVersion;
