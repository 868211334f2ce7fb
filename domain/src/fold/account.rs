//! Registration: one account per email address, the first in the log wins.

use super::{accepted, rejected, seen_before};
use crate::{Account, AccountEvent, Changes, Contest, EmailKey, Outcome, Recorded, Rejection};

pub(super) fn fold(
    contest: &mut Contest,
    changes: &mut Changes,
    record: &Recorded,
    email: &EmailKey,
    event: &AccountEvent,
) -> Outcome {
    let AccountEvent::Registered(registered) = event;
    if let Some(account) = contest.accounts.get(email) {
        return if account.registered_by == record.event_id {
            seen_before()
        } else {
            rejected(Rejection::EmailTaken)
        };
    }
    let account = Account {
        id: registered.account_id,
        city: registered.city.clone(),
        country: registered.country.clone(),
        registered_at: record.at,
        registered_by: record.event_id,
    };
    changes.artists.insert(account.id);
    changes.accounts.insert(email.clone());
    contest.accounts.insert(email.clone(), account);
    accepted()
}
