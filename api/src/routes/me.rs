//! The authenticated account.

pub(crate) mod erase;
