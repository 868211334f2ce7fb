//! Operators: people who may see how the installation fares. The role belongs to an account, and ends
//! with it.

use super::{accepted, rejected, seen_before};
use crate::event::{OperatorGranted, OperatorRevoked};
use crate::{AccountId, Changes, Contest, EmailKey, Outcome, Recorded, Rejection, Term};

pub(super) fn grant(
    contest: &mut Contest,
    changes: &mut Changes,
    record: &Recorded,
    email: &EmailKey,
    event: OperatorGranted,
) -> Outcome {
    if contest.terms.contains_key(&record.event_id) {
        return seen_before();
    }
    let account = event.account_id;
    if let Err(rejection) = is_there(contest, email, account) {
        return rejected(rejection);
    }
    if contest.terms.values().any(|term| is_open(term, account)) {
        return rejected(Rejection::AlreadyOperator);
    }
    contest.terms.insert(record.event_id, Term { account, since: record.at, end: None });
    changes.terms.insert(record.event_id);
    accepted()
}

pub(super) fn revoke(
    contest: &mut Contest,
    changes: &mut Changes,
    record: &Recorded,
    email: &EmailKey,
    event: OperatorRevoked,
) -> Outcome {
    let ended_by_it = |term: &Term| term.end.is_some_and(|(_, by)| by == record.event_id);
    if contest.terms.values().any(ended_by_it) {
        return seen_before();
    }
    if let Err(rejection) = is_there(contest, email, event.account_id) {
        return rejected(rejection);
    }
    if end_term(contest, changes, record, event.account_id) {
        accepted()
    } else {
        rejected(Rejection::NotOperator)
    }
}

/// Ends the account's term, if it is an operator's, and says whether it was.
pub(super) fn end_term(
    contest: &mut Contest,
    changes: &mut Changes,
    record: &Recorded,
    account: AccountId,
) -> bool {
    let Some((granted_by, term)) =
        contest.terms.iter_mut().find(|(_, term)| is_open(term, account))
    else {
        return false;
    };
    term.end = Some((record.at, record.event_id));
    changes.terms.insert(*granted_by);
    true
}

fn is_open(term: &Term, account: AccountId) -> bool {
    term.account == account && term.end.is_none()
}

fn is_there(contest: &Contest, email: &EmailKey, account: AccountId) -> Result<(), Rejection> {
    match contest.accounts.get(email) {
        Some(holder) if holder.id == account => Ok(()),
        _ if contest.erased.contains_key(&(email.clone(), account)) => {
            Err(Rejection::AccountErased)
        }
        _ => Err(Rejection::AccountUnknown),
    }
}
