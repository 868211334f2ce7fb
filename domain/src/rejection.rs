//! Why the fold refused an event.

use std::fmt;

/// An event stands in the log, but had no effect: by the time the log reached it, the rules forbade
/// it. A rejection is a value, not an error; nothing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// Somebody registered this email address earlier in the log.
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
    /// The video was deleted earlier in the log.
    VideoDeleted,
    /// Only its owner may delete or withdraw a video.
    NotOwner,
    /// A video with votes cannot be deleted.
    HasVotes {
        /// How many votes it had.
        votes: u64,
    },
    /// The video is not published: still being processed, or failed.
    NotVotable,
    /// This person voted for this video earlier in the log.
    AlreadyVoted,
    /// The video's processing ended earlier in the log.
    AlreadyFinished,
}

impl Rejection {
    /// The stable code: in rows, in metrics, and as the `code` of an HTTP error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::EmailTaken => "email_taken",
            Self::AccountUnknown => "account_unknown",
            Self::AccountErased => "account_erased",
            Self::AlreadyOperator => "already_operator",
            Self::NotOperator => "not_operator",
            Self::VideoExists => "video_exists",
            Self::VideoUnknown => "video_unknown",
            Self::VideoDeleted => "video_deleted",
            Self::NotOwner => "not_owner",
            Self::HasVotes { .. } => "has_votes",
            Self::NotVotable => "not_votable",
            Self::AlreadyVoted => "already_voted",
            Self::AlreadyFinished => "already_finished",
        }
    }

    /// The number that belongs to the code, if it has one.
    pub fn votes(&self) -> Option<u64> {
        match self {
            Self::HasVotes { votes } => Some(*votes),
            _ => None,
        }
    }

    /// Reads a rejection back from its row.
    pub fn from_code(code: &str, votes: Option<u64>) -> Option<Self> {
        Some(match code {
            "email_taken" => Self::EmailTaken,
            "account_unknown" => Self::AccountUnknown,
            "account_erased" => Self::AccountErased,
            "already_operator" => Self::AlreadyOperator,
            "not_operator" => Self::NotOperator,
            "video_exists" => Self::VideoExists,
            "video_unknown" => Self::VideoUnknown,
            "video_deleted" => Self::VideoDeleted,
            "not_owner" => Self::NotOwner,
            "has_votes" => Self::HasVotes { votes: votes? },
            "not_votable" => Self::NotVotable,
            "already_voted" => Self::AlreadyVoted,
            "already_finished" => Self::AlreadyFinished,
            _ => return None,
        })
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
