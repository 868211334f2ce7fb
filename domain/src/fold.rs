//! The fold: the one place that decides which events take effect.
//!
//! [`fold`] applies one record to a [`Contest`] and says what it did. It is total: every record has
//! an outcome, whatever state it meets. It reads and writes only its own stream's part of the state
//! (and its own rejection), so that partitions may be folded in any interleaving.

mod account;
mod operator;
mod video;
mod vote;

use crate::contest::Keys;
use crate::{
    AccountEvent, Changes, Contest, Event, Outcome, Recorded, Rejection, Verdict, VideoEvent,
};

/// Which fold this is. Whoever changes what it makes of the log, or what the read models keep of it,
/// raises the number: read models that an earlier one has made are then rebuilt.
pub const VERSION: u32 = 1;

/// Folds one record into `contest`, noting in `changes` what must be written.
pub fn fold(contest: &mut Contest, changes: &mut Changes, record: &Recorded) -> Outcome {
    if let Some((rejection, _)) = contest.rejections.get(&record.event_id) {
        return Outcome::Duplicate(Verdict::Rejected(*rejection));
    }
    let outcome = match &record.event {
        Event::Account(email, event) => account::fold(contest, changes, record, email, event),
        Event::Video(video, VideoEvent::VoteCast(event)) => {
            vote::fold(contest, changes, record, *video, *event)
        }
        Event::Video(video, event) => video::fold(contest, changes, record, *video, event),
    };
    if let Outcome::Decided(Verdict::Rejected(rejection)) = outcome {
        contest.rejections.insert(record.event_id, (rejection, record.at));
        changes.rejections.insert(record.event_id);
    }
    outcome
}

/// The rows that folding `records` may read.
pub fn keys<'a>(records: impl IntoIterator<Item = &'a Recorded>) -> Keys {
    let mut keys = Keys::default();
    for record in records {
        keys.events.insert(record.event_id);
        match &record.event {
            Event::Account(email, event) => {
                keys.accounts.insert(email.clone());
                if !matches!(event, AccountEvent::Registered(_)) {
                    keys.terms.insert(event.account());
                }
                keys.erased.insert((email.clone(), event.account()));
            }
            Event::Video(video, event) => {
                keys.videos.insert(*video);
                if let VideoEvent::VoteCast(vote) = event {
                    keys.votes.insert((*video, vote.voter));
                }
            }
        }
    }
    keys
}

fn accepted() -> Outcome {
    Outcome::Decided(Verdict::ACCEPTED)
}

fn rejected(rejection: Rejection) -> Outcome {
    Outcome::Decided(Verdict::Rejected(rejection))
}

fn seen_before() -> Outcome {
    Outcome::Duplicate(Verdict::ACCEPTED)
}
