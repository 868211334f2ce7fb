//! Commands that outlived their request.

pub(super) mod status;
