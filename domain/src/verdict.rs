//! What the fold says about an event.

use crate::rejection::Rejection;

/// The result of a command, as the fold decided it.
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
    /// The verdict of an accepted event that counts nothing.
    pub const ACCEPTED: Self = Self::Accepted { total_votes: None };
}

/// What folding one record did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoldOutcome {
    /// The first delivery of the event, with its verdict.
    Decided(Verdict),
    /// A later delivery of the event. Nothing changed; the verdict is that of the first delivery.
    Duplicate(Verdict),
    /// A report of the transcoder that a newer report has overtaken. Nothing changed.
    Overtaken,
}

impl FoldOutcome {
    /// The event took effect and counts nothing.
    pub const ACCEPTED: Self = Self::Decided(Verdict::ACCEPTED);
    /// The event took effect at an earlier delivery.
    pub const ACCEPTED_BEFORE: Self = Self::Duplicate(Verdict::ACCEPTED);

    /// The event had no effect.
    pub const fn rejected(rejection: Rejection) -> Self {
        Self::Decided(Verdict::Rejected(rejection))
    }

    /// The verdict for the author of the event; `None` for an overtaken report.
    pub fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Decided(verdict) | Self::Duplicate(verdict) => Some(verdict),
            Self::Overtaken => None,
        }
    }
}
