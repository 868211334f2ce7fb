//! Endpoints without authentication, and votes.

pub(crate) mod hls;
pub(crate) mod rankings;
pub(super) mod videos;
pub(super) mod vote;
