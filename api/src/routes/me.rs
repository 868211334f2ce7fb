//! One's own account.

pub(super) mod erase;
