//! The videos of the person who asks.

pub(super) mod delete;
mod form;
pub(super) mod list;
mod own;
pub(super) mod show;
pub(super) mod upload;
mod upload_body;
