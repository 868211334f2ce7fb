//! The videos of the person who asks.

pub(super) mod delete;
mod form;
pub(super) mod list;
pub(crate) mod own;
pub(super) mod show;
pub(crate) mod upload;
pub(crate) mod upload_body;
