//! Rankings as the person who asks sees them.

pub(super) mod me;
