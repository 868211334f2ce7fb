//! The fold: the one place that decides which events take effect.
//!
//! [`fold`] applies one record to a [`Contest`] and returns what it did. It is total: every record has
//! an outcome in every state. It reads and writes only the state of the record's own stream and the
//! record's own rejection. So partitions may be folded in any interleaving.

mod account;
mod operator;
mod video;
mod vote;

use crate::contest::{Changes, Contest, WorkingSetKeys};
use crate::event::{AccountEvent, Event, Recorded, VideoEvent};
use crate::verdict::{FoldOutcome, Verdict};

/// The version of the fold. Raise it with every change of what the fold makes of the log, or of what
/// the read models keep of it: read models of another version are rebuilt.
pub const VERSION: u32 = 1;

/// Folds one record into `contest`, and notes in `changes` the rows that must be written.
pub fn fold(contest: &mut Contest, changes: &mut Changes, record: &Recorded) -> FoldOutcome {
    if let Some((rejection, _)) = contest.rejections.get(&record.event_id) {
        return FoldOutcome::Duplicate(Verdict::Rejected(*rejection));
    }
    let outcome = match &record.event {
        Event::Account(email, event) => account::fold(contest, changes, record, email, event),
        Event::Video(video, event) => video::fold(contest, changes, record, *video, event),
    };
    match outcome {
        FoldOutcome::Decided(Verdict::Rejected(rejection)) => {
            contest.rejections.insert(record.event_id, (rejection, record.at));
            changes.rejections.insert(record.event_id);
        }
        FoldOutcome::Decided(Verdict::Accepted { .. })
        | FoldOutcome::Duplicate(_)
        | FoldOutcome::Overtaken => {}
    }
    outcome
}

/// The keys of the rows that folding `records` may read.
pub fn working_set_keys<'a>(records: impl IntoIterator<Item = &'a Recorded>) -> WorkingSetKeys {
    let mut keys = WorkingSetKeys::default();
    for record in records {
        keys.events.insert(record.event_id);
        match &record.event {
            Event::Account(email, event) => {
                keys.accounts.insert(email.clone());
                keys.erased.insert((email.clone(), event.account()));
                match event {
                    AccountEvent::Registered(_) => {}
                    AccountEvent::Erased(_)
                    | AccountEvent::OperatorGranted(_)
                    | AccountEvent::OperatorRevoked(_) => {
                        keys.operator_grants.insert(event.account());
                    }
                }
            }
            Event::Video(video, event) => {
                keys.videos.insert(*video);
                match event {
                    VideoEvent::VoteCast(vote) => {
                        keys.votes.insert((*video, vote.voter));
                    }
                    VideoEvent::Uploaded(_)
                    | VideoEvent::ProcessingStarted(_)
                    | VideoEvent::Processed(_)
                    | VideoEvent::ProcessingFailed(_)
                    | VideoEvent::Deleted(_)
                    | VideoEvent::Withdrawn(_) => {}
                }
            }
        }
    }
    keys
}
