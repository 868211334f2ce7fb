//! Why the fold rejects an event.

use std::fmt;

use crate::codes::codes;

/// The reason why an event in the log had no effect. A rejection is a value, not an error: when the
/// fold reached the event, the rules forbade it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// Another event registered this email address earlier in the log.
    EmailTaken,
    /// This email address has no such account.
    AccountUnknown,
    /// The account was erased earlier in the log.
    AccountErased,
    /// The person is an operator already.
    AlreadyOperator,
    /// The person is no operator.
    NotOperator,
    /// A video with this id was uploaded earlier in the log.
    VideoExists,
    /// No such video has been uploaded.
    VideoUnknown,
    /// The video was deleted or withdrawn earlier in the log.
    VideoDeleted,
    /// Only its owner may delete or withdraw a video.
    NotOwner,
    /// A video with votes cannot be deleted.
    HasVotes {
        /// How many votes it had.
        votes: u64,
    },
    /// The video is not published: its processing has not ended, or failed.
    NotVotable,
    /// This person voted for this video earlier in the log.
    AlreadyVoted,
    /// The video's processing ended earlier in the log.
    AlreadyFinished,
}

// In rows, in metrics, and as the `code` of an HTTP error.
codes! { Rejection:
    EmailTaken => "email_taken",
    AccountUnknown => "account_unknown",
    AccountErased => "account_erased",
    AlreadyOperator => "already_operator",
    NotOperator => "not_operator",
    VideoExists => "video_exists",
    VideoUnknown => "video_unknown",
    VideoDeleted => "video_deleted",
    NotOwner => "not_owner",
    HasVotes { votes } => "has_votes",
    NotVotable => "not_votable",
    AlreadyVoted => "already_voted",
    AlreadyFinished => "already_finished",
}

impl Rejection {
    /// The number that belongs to the code, if it has one.
    pub fn votes(self) -> Option<u64> {
        match self {
            Self::HasVotes { votes } => Some(votes),
            Self::EmailTaken
            | Self::AccountUnknown
            | Self::AccountErased
            | Self::AlreadyOperator
            | Self::NotOperator
            | Self::VideoExists
            | Self::VideoUnknown
            | Self::VideoDeleted
            | Self::NotOwner
            | Self::NotVotable
            | Self::AlreadyVoted
            | Self::AlreadyFinished => None,
        }
    }

    /// Reads a rejection back from its row; `None` for an unknown code or a missing number.
    pub fn from_code(code: &str, votes: Option<u64>) -> Option<Self> {
        let rejection = Self::find(code)?;
        match rejection.votes() {
            Some(_) => Some(Self::HasVotes { votes: votes? }),
            None => Some(rejection),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
