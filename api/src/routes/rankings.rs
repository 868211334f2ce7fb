//! Rankings of the authenticated artist.

pub(super) mod me;
