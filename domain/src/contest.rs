//! The state that the fold works on.

use std::collections::{BTreeSet, HashMap};

use crate::event::FailureReason;
use crate::{AccountId, EmailKey, EventId, Rejection, Timestamp, VideoId};

/// A registered person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The account.
    pub id: AccountId,
    /// City, as the person spelled it.
    pub city: String,
    /// Country, as the person spelled it.
    pub country: String,
    /// When.
    pub registered_at: Timestamp,
    /// The event that did it.
    pub registered_by: EventId,
}

/// An account whose person has left. It remains as its own tombstone: its id is never used again, a
/// second delivery of its events is known again, and its videos still have a city and a country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedAccount {
    /// The account as it was.
    pub account: Account,
    /// When it was erased.
    pub at: Timestamp,
    /// The event that did it.
    pub by: EventId,
}

/// A time in which somebody is, or was, an operator. The event that began it is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Who.
    pub account: AccountId,
    /// When it began.
    pub since: Timestamp,
    /// When it ended, and the event that did it: the role was revoked, or the account erased.
    pub end: Option<(Timestamp, EventId)>,
}

/// An uploaded video, deleted ones included: a deleted video remains as its own tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Video {
    /// Who uploaded it.
    pub owner: AccountId,
    /// Its title.
    pub title: String,
    /// Its description, if there is one.
    pub description: Option<String>,
    /// Where the original lies in object storage.
    pub original_key: String,
    /// Media type of the original.
    pub content_type: String,
    /// Size of the original in bytes.
    pub bytes: u64,
    /// SHA-256 of the original, in hex.
    pub sha256: String,
    /// When.
    pub uploaded_at: Timestamp,
    /// The event that did it.
    pub uploaded_by: EventId,
    /// The last attempt at processing that has begun, 0 before the first.
    pub attempts: u32,
    /// How far it has come.
    pub status: VideoStatus,
    /// Votes counted.
    pub votes: u64,
    /// When the last one was counted.
    pub last_vote_at: Option<Timestamp>,
}

/// How far a video has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VideoStatus {
    /// Waiting for a worker.
    Pending,
    /// A worker has it.
    Processing,
    /// Published; it can be voted for.
    Processed(Published),
    /// It will never be published.
    Failed(Failure),
    /// Its owner took it back, or left before it came on stage.
    Deleted {
        /// When.
        at: Timestamp,
        /// The event that did it.
        by: EventId,
        /// How its processing had ended, if it had: a second delivery of that end must be known
        /// again, and the files that it names must be found to be removed.
        end: Option<End>,
    },
}

/// How a video's processing ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It was published.
    Processed(Published),
    /// It failed for good.
    Failed(Failure),
}

impl End {
    /// The event that reported it.
    pub fn by(&self) -> EventId {
        match self {
            Self::Processed(published) => published.by,
            Self::Failed(failure) => failure.by,
        }
    }
}

/// Why a video will never be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub reason: FailureReason,
    /// When.
    pub at: Timestamp,
    /// The event that did it.
    pub by: EventId,
}

/// The finished video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Where it lies in object storage.
    pub processed_key: String,
    /// Where its still picture lies.
    pub poster_key: String,
    /// Where the list of its adaptive stream lies, if it has one.
    pub hls_key: Option<String>,
    /// Length in milliseconds.
    pub duration_ms: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Size in bytes.
    pub bytes: u64,
    /// When it was published.
    pub at: Timestamp,
    /// The event that did it.
    pub by: EventId,
}

/// One person's vote for one video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The event that cast it.
    pub event_id: EventId,
    /// When it was counted.
    pub at: Timestamp,
}

/// The contest as far as it is known: all of it in tests, the working set of one batch in the
/// projector.
///
/// What a map does not hold does not exist. A projector must therefore load every row that the
/// [`Keys`] of a batch name before it folds the batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contest {
    /// Accounts by the email that they hold.
    pub accounts: HashMap<EmailKey, Account>,
    /// Erased accounts, by the email that they held: it is free again, or another account's.
    pub erased: HashMap<(EmailKey, AccountId), ErasedAccount>,
    /// Terms of operators, by the events that began them.
    pub terms: HashMap<EventId, Term>,
    /// Videos by id.
    pub videos: HashMap<VideoId, Video>,
    /// Votes by video and voter.
    pub votes: HashMap<(VideoId, AccountId), Vote>,
    /// Rejected events, with when the log appended them.
    pub rejections: HashMap<EventId, (Rejection, Timestamp)>,
}

impl Contest {
    /// Everybody who ever took part. Who has left still has their votes and their place.
    pub fn everybody(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values().chain(self.erased.values().map(|erased| &erased.account))
    }
}

/// What a batch of events may read: the working set that must be loaded before it is folded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Accounts that hold these addresses.
    pub accounts: BTreeSet<EmailKey>,
    /// Accounts that may have been erased.
    pub erased: BTreeSet<(EmailKey, AccountId)>,
    /// Accounts whose terms as operators matter, all of them.
    pub terms: BTreeSet<AccountId>,
    /// Videos.
    pub videos: BTreeSet<VideoId>,
    /// Votes.
    pub votes: BTreeSet<(VideoId, AccountId)>,
    /// Events that may have been rejected before.
    pub events: BTreeSet<EventId>,
}

/// What folding has changed: the rows that must be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// New accounts.
    pub accounts: BTreeSet<EmailKey>,
    /// Accounts that were erased, perhaps new ones. They let go of their addresses before new
    /// accounts take them.
    pub erased: BTreeSet<(EmailKey, AccountId)>,
    /// Terms of operators that have begun or ended, by the events that began them.
    pub terms: BTreeSet<EventId>,
    /// New or changed videos.
    pub videos: BTreeSet<VideoId>,
    /// Those of them that are new or have come to another stage: of the others, only the count of
    /// votes has changed.
    pub stages: BTreeSet<VideoId>,
    /// New votes.
    pub votes: BTreeSet<(VideoId, AccountId)>,
    /// New rejections.
    pub rejections: BTreeSet<EventId>,
    /// Artists whose standing may have changed.
    pub artists: BTreeSet<AccountId>,
}
