//! Commands that were answered with 202.

pub(super) mod status;
