//! The history of a run: what clients requested and what they were told.

use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

/// A command of a client. All its tries have the same idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Register {
        email: String,
    },
    /// The title is unique to this operation.
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

/// What the client was told in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The operation took effect.
    Accepted(Effect),
    /// It did not, for the reason with this code.
    Rejected(String),
    /// The event is in the log; this token asks for its verdict.
    Pending(String),
    /// No reply: the client gave up.
    Nothing,
    /// A response that the API must never send.
    Invalid(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// An account or video with this id was created.
    Created(Uuid),
    /// The video has this many votes.
    Votes(u64),
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) operation: Operation,
    pub(crate) reply: Reply,
}

impl Operation {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Register { .. } => "register",
            Self::Upload { .. } => "upload",
            Self::Vote { .. } => "vote",
            Self::Delete { .. } => "delete",
        }
    }
}

impl Reply {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Rejected(_) => "rejected",
            Self::Pending(_) => "pending",
            Self::Nothing => "gave up",
            Self::Invalid(_) => "invalid",
        }
    }
}

/// All operations with their replies.
#[derive(Default)]
pub(crate) struct History(Mutex<Vec<Entry>>);

impl History {
    pub(crate) fn write(&self, operation: Operation, reply: Reply) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Entry { operation, reply });
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
