//! The state that the fold works on.

use std::collections::{BTreeSet, HashMap};

use crate::id::{AccountId, EmailKey, EventId, VideoId};
use crate::rejection::Rejection;
use crate::time::Timestamp;
use crate::video::Video;

/// The account of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// City, as the person spelled it.
    pub city: String,
    /// Country, as the person spelled it.
    pub country: String,
    /// When the log appended the registration.
    pub registered_at: Timestamp,
    /// The event of the registration.
    pub registered_by: EventId,
}

/// An erased account, kept as its own tombstone. Its id is never used again, a second delivery of its
/// events is recognised, and its videos keep a city and a country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedAccount {
    /// The account before the erasure.
    pub account: Account,
    /// When the log appended the erasure.
    pub at: Timestamp,
    /// The event of the erasure.
    pub by: EventId,
}

/// The role of operator, granted to one account for some time. The granting event identifies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperatorGrant {
    /// The operator.
    pub account: AccountId,
    /// When the log appended the grant.
    pub since: Timestamp,
    /// When it ended, and the event that ended it: a revocation, or the erasure of the account.
    pub end: Option<(Timestamp, EventId)>,
}

/// One person's vote for one video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The event that cast it.
    pub event_id: EventId,
    /// When it was counted.
    pub at: Timestamp,
}

/// The state of the contest: all of it in tests, the working set of one batch in the projector.
///
/// The fold treats what a map does not hold as absent. The projector must therefore load every row
/// that the [`WorkingSetKeys`] of a batch name before it folds the batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contest {
    /// Accounts by the email address that they hold.
    pub accounts: HashMap<EmailKey, Account>,
    /// Erased accounts by the address that they held. Another account may hold that address now.
    pub erased: HashMap<(EmailKey, AccountId), ErasedAccount>,
    /// Operator grants by the granting event, ended ones included.
    pub operator_grants: HashMap<EventId, OperatorGrant>,
    /// Videos by id.
    pub videos: HashMap<VideoId, Video>,
    /// Votes by video and voter.
    pub votes: HashMap<(VideoId, AccountId), Vote>,
    /// Rejected events, with the time at which the log appended them.
    pub rejections: HashMap<EventId, (Rejection, Timestamp)>,
}

impl Contest {
    /// All accounts, erased ones included: an erased account keeps its votes and its rank.
    pub fn all_accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values().chain(self.erased.values().map(|erased| &erased.account))
    }
}

/// The keys of the rows that folding a batch of events may read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkingSetKeys {
    /// Accounts, by the address that they hold.
    pub accounts: BTreeSet<EmailKey>,
    /// Accounts that may have been erased.
    pub erased: BTreeSet<(EmailKey, AccountId)>,
    /// Accounts whose operator grants are needed, all grants of each.
    pub operator_grants: BTreeSet<AccountId>,
    /// Videos.
    pub videos: BTreeSet<VideoId>,
    /// Votes.
    pub votes: BTreeSet<(VideoId, AccountId)>,
    /// Events that may have been rejected before.
    pub events: BTreeSet<EventId>,
}

/// The keys of the rows that folding has changed: the projector must write them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// New accounts.
    pub accounts: BTreeSet<EmailKey>,
    /// Erased accounts, perhaps registered in the same batch. They must be written before new
    /// accounts, which may take their addresses.
    pub erased: BTreeSet<(EmailKey, AccountId)>,
    /// Operator grants that are new or have ended.
    pub operator_grants: BTreeSet<EventId>,
    /// New or changed videos.
    pub videos: BTreeSet<VideoId>,
    /// Those of `videos` that are new or have a changed state. Of the others only the votes changed.
    pub status_changed: BTreeSet<VideoId>,
    /// New votes.
    pub votes: BTreeSet<(VideoId, AccountId)>,
    /// New rejections.
    pub rejections: BTreeSet<EventId>,
    /// Artists whose standing may have changed.
    pub artists: BTreeSet<AccountId>,
}
