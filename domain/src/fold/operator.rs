//! Operators: people who may see the operators' page. The role belongs to an account and ends with
//! it.

use crate::contest::{Changes, Contest, OperatorGrant};
use crate::event::{OperatorGranted, OperatorRevoked, Recorded};
use crate::id::{AccountId, EmailKey};
use crate::rejection::Rejection;
use crate::verdict::FoldOutcome;

pub(super) fn grant(
    contest: &mut Contest,
    changes: &mut Changes,
    record: &Recorded,
    email: &EmailKey,
    event: OperatorGranted,
) -> FoldOutcome {
    if contest.operator_grants.contains_key(&record.event_id) {
        return FoldOutcome::ACCEPTED_BEFORE;
    }
    let account = event.account_id;
    if let Err(rejection) = check_account(contest, email, account) {
        return FoldOutcome::rejected(rejection);
    }
    if contest.operator_grants.values().any(|grant| is_open(grant, account)) {
        return FoldOutcome::rejected(Rejection::AlreadyOperator);
    }
    let grant = OperatorGrant { account, since: record.at, end: None };
    contest.operator_grants.insert(record.event_id, grant);
    changes.operator_grants.insert(record.event_id);
    FoldOutcome::ACCEPTED
}

pub(super) fn revoke(
    contest: &mut Contest,
    changes: &mut Changes,
    record: &Recorded,
    email: &EmailKey,
    event: OperatorRevoked,
) -> FoldOutcome {
    let ended_by_it =
        |grant: &OperatorGrant| grant.end.is_some_and(|(_, by)| by == record.event_id);
    if contest.operator_grants.values().any(ended_by_it) {
        return FoldOutcome::ACCEPTED_BEFORE;
    }
    if let Err(rejection) = check_account(contest, email, event.account_id) {
        return FoldOutcome::rejected(rejection);
    }
    if end_grant(contest, changes, record, event.account_id) {
        FoldOutcome::ACCEPTED
    } else {
        FoldOutcome::rejected(Rejection::NotOperator)
    }
}

/// Ends the open grant of the account. Returns whether there was one.
pub(super) fn end_grant(
    contest: &mut Contest,
    changes: &mut Changes,
    record: &Recorded,
    account: AccountId,
) -> bool {
    let Some((granted_by, grant)) =
        contest.operator_grants.iter_mut().find(|(_, grant)| is_open(grant, account))
    else {
        return false;
    };
    grant.end = Some((record.at, record.event_id));
    changes.operator_grants.insert(*granted_by);
    true
}

fn is_open(grant: &OperatorGrant, account: AccountId) -> bool {
    grant.account == account && grant.end.is_none()
}

/// Whether the address belongs to the account.
fn check_account(contest: &Contest, email: &EmailKey, account: AccountId) -> Result<(), Rejection> {
    if contest.accounts.get(email).is_some_and(|holder| holder.id == account) {
        Ok(())
    } else if contest.erased.contains_key(&(email.clone(), account)) {
        Err(Rejection::AccountErased)
    } else {
        Err(Rejection::AccountUnknown)
    }
}
