//! What the fold says of an event.

use crate::Rejection;

/// The answer that the author of an event waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The event took effect.
    Accepted {
        /// For a vote: the votes of the video, this one included.
        total_votes: Option<u64>,
    },
    /// The event had no effect.
    Rejected(Rejection),
}

impl Verdict {
    /// Took effect, with nothing to count.
    pub const ACCEPTED: Self = Self::Accepted { total_votes: None };
}

/// What folding one record did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The event was seen for the first time, and this is its verdict.
    Decided(Verdict),
    /// The event was seen before; nothing changed, and this is the verdict it had then.
    Duplicate(Verdict),
    /// A report from the transcoder that later reports have overtaken; nothing changed.
    Overtaken,
}

impl Outcome {
    /// The verdict for whoever waits for this event.
    pub fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Decided(verdict) | Self::Duplicate(verdict) => Some(verdict),
            Self::Overtaken => None,
        }
    }
}
