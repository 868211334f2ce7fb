//! Accounts: one at a time per email address, the first in the log wins. An erased account releases
//! its address, and its id is never used again.

use std::collections::hash_map::Entry;

use super::operator;
use crate::contest::{Account, Changes, Contest, ErasedAccount};
use crate::event::{AccountEvent, Erased, Recorded, Registered};
use crate::id::EmailKey;
use crate::rejection::Rejection;
use crate::verdict::FoldOutcome;

pub(super) fn fold(
    contest: &mut Contest,
    changes: &mut Changes,
    record: &Recorded,
    email: &EmailKey,
    event: &AccountEvent,
) -> FoldOutcome {
    match event {
        AccountEvent::Registered(event) => register(contest, changes, record, email, event),
        AccountEvent::Erased(event) => erase(contest, changes, record, email, *event),
        AccountEvent::OperatorGranted(event) => {
            operator::grant(contest, changes, record, email, *event)
        }
        AccountEvent::OperatorRevoked(event) => {
            operator::revoke(contest, changes, record, email, *event)
        }
    }
}

fn register(
    contest: &mut Contest,
    changes: &mut Changes,
    record: &Recorded,
    email: &EmailKey,
    event: &Registered,
) -> FoldOutcome {
    if let Some(erased) = contest.erased.get(&(email.clone(), event.account_id)) {
        return if erased.account.registered_by == record.event_id {
            FoldOutcome::ACCEPTED_BEFORE
        } else {
            FoldOutcome::rejected(Rejection::AccountErased)
        };
    }
    if let Some(account) = contest.accounts.get(email) {
        return if account.registered_by == record.event_id {
            FoldOutcome::ACCEPTED_BEFORE
        } else {
            FoldOutcome::rejected(Rejection::EmailTaken)
        };
    }
    let account = Account {
        id: event.account_id,
        city: event.city.clone(),
        country: event.country.clone(),
        registered_at: record.at,
        registered_by: record.event_id,
    };
    changes.artists.insert(account.id);
    changes.accounts.insert(email.clone());
    contest.accounts.insert(email.clone(), account);
    FoldOutcome::ACCEPTED
}

fn erase(
    contest: &mut Contest,
    changes: &mut Changes,
    record: &Recorded,
    email: &EmailKey,
    event: Erased,
) -> FoldOutcome {
    let key = (email.clone(), event.account_id);
    if let Some(erased) = contest.erased.get(&key) {
        return if erased.by == record.event_id {
            FoldOutcome::ACCEPTED_BEFORE
        } else {
            FoldOutcome::rejected(Rejection::AccountErased)
        };
    }
    let account = match contest.accounts.entry(email.clone()) {
        Entry::Occupied(holder) if holder.get().id == event.account_id => holder.remove(),
        Entry::Occupied(_) | Entry::Vacant(_) => {
            return FoldOutcome::rejected(Rejection::AccountUnknown);
        }
    };
    operator::end_grant(contest, changes, record, account.id);
    changes.accounts.remove(email);
    changes.erased.insert(key.clone());
    contest.erased.insert(key, ErasedAccount { account, at: record.at, by: record.event_id });
    FoldOutcome::ACCEPTED
}
