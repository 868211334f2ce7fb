//! What clients did, and what they were told.

use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

/// What somebody wanted. However often it was tried, it was with one idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Register {
        email: String,
    },
    /// The title is of this act alone.
    Upload {
        by: Uuid,
        title: String,
    },
    Vote {
        by: Uuid,
        video: Uuid,
    },
    Delete {
        by: Uuid,
        video: Uuid,
    },
}

/// What they were told in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It took effect; the account or video that it made, or the votes that it made it.
    Accepted(Effect),
    /// It did not, for this reason.
    Rejected(String),
    /// It stands in the log: ask later, with this token.
    Pending(String),
    /// Nothing: they gave up.
    Nothing,
    /// What nobody may be told.
    Absurd(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Made(Uuid),
    Votes(u64),
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) act: Act,
    pub(crate) told: Told,
}

impl Act {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Register { .. } => "register",
            Self::Upload { .. } => "upload",
            Self::Vote { .. } => "vote",
            Self::Delete { .. } => "delete",
        }
    }
}

impl Told {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Rejected(_) => "rejected",
            Self::Pending(_) => "pending",
            Self::Nothing => "gave up",
            Self::Absurd(_) => "absurd",
        }
    }
}

/// All of it, written by many at a time.
#[derive(Default)]
pub(crate) struct History(Mutex<Vec<Entry>>);

impl History {
    pub(crate) fn write(&self, act: Act, told: Told) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Entry { act, told });
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
