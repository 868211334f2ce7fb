//! What clients were told.

use std::sync::{Arc, Mutex, PoisonError};

use commands::{Answer, CommandError};
use domain::{AccountId, EventId, Rejection, VideoId};

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// `by` wants this account; after an erasure, another one.
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

/// One answer to one try of an act.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The number of the act, the same for all its tries.
    pub(crate) number: u64,
    pub(crate) act: Act,
    pub(crate) keyed: bool,
    /// The event that this try stands for.
    pub(crate) event: EventId,
    pub(crate) told: Told,
    /// How long the client waited for it, in milliseconds.
    pub(crate) took: u64,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It took effect; for a vote, with the votes then.
    Accepted(Option<u64>),
    /// It did not, by a verdict or because the read models knew already.
    Rejected(Rejection),
    /// Later: a token.
    Pending(String),
    /// Try again.
    Unavailable,
    /// Something that must never happen.
    Defect(String),
    /// The process died.
    Nothing,
}

impl Told {
    pub(crate) fn of<T>(
        answer: Result<Answer<T>, CommandError>,
        total: impl FnOnce(T) -> Option<u64>,
    ) -> Self {
        match answer {
            Ok(Answer::Done(done)) => Self::Accepted(total(done)),
            Ok(Answer::Pending(token)) => Self::Pending(token.to_string()),
            Err(CommandError::Rejected(rejection)) => Self::Rejected(rejection),
            Err(CommandError::Unavailable(_) | CommandError::Overloaded) => Self::Unavailable,
            Err(CommandError::Internal(what)) => Self::Defect(what),
            Err(error @ (CommandError::WrongPassword | CommandError::KeyReused)) => {
                Self::Defect(error.to_string())
            }
        }
    }

    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Accepted(_) | Self::Rejected(_))
    }
}

/// All answers of a run, in the order in which clients heard them.
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
