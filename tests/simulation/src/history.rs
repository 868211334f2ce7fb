//! The history of a run: what clients requested and what they were told.

use std::sync::{Arc, Mutex, PoisonError};

use commands::{Answer, CommandError};
use domain::{AccountId, EventId, Rejection, VideoId};

/// A command that a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `by` registers this account; after an erasure, another one.
    Register {
        by: AccountId,
        account: AccountId,
    },
    Erase {
        by: AccountId,
        account: AccountId,
    },
    Upload {
        by: AccountId,
    },
    Delete {
        by: AccountId,
        video: VideoId,
    },
    Vote {
        by: AccountId,
        video: VideoId,
    },
}

/// The reply to one try of an operation.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Number of the operation, the same for all its tries.
    pub(crate) number: u64,
    pub(crate) operation: Operation,
    pub(crate) keyed: bool,
    /// The event that this try appends.
    pub(crate) event: EventId,
    pub(crate) reply: Reply,
    /// How long the client waited for the reply, in milliseconds.
    pub(crate) waited_ms: u64,
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The operation took effect; for a vote, with the new total.
    Accepted(Option<u64>),
    /// It did not, by a verdict or because a read model already ruled it out.
    Rejected(Rejection),
    /// The verdict is pending; the token asks for it later.
    Pending(String),
    /// The client should retry.
    Unavailable,
    /// A reply that must never occur.
    Defect(String),
    /// No reply: the process crashed or the client hung up.
    Nothing,
}

impl Reply {
    pub(crate) fn of<T>(
        answer: Result<Answer<T>, CommandError>,
        total: impl FnOnce(T) -> Option<u64>,
    ) -> Self {
        match answer {
            Ok(Answer::Done(done)) => Self::Accepted(total(done)),
            Ok(Answer::Pending(token)) => Self::Pending(token.to_string()),
            Err(CommandError::Rejected(rejection)) => Self::Rejected(rejection),
            Err(CommandError::Unavailable(_) | CommandError::Overloaded) => Self::Unavailable,
            Err(CommandError::Internal(cause)) => Self::Defect(cause.to_string()),
            Err(error @ (CommandError::WrongPassword | CommandError::KeyReused)) => {
                Self::Defect(error.to_string())
            }
        }
    }

    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Accepted(_) | Self::Rejected(_))
    }
}

/// All replies of a run, in the order in which clients received them.
#[derive(Clone, Default)]
pub(crate) struct History(Arc<Mutex<Vec<Entry>>>);

impl History {
    pub(crate) fn push(&self, entry: Entry) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
