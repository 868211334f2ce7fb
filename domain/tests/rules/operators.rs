//! Operators: the role is granted and revoked, and ends with the account.

use domain::{OperatorGrant, Rejection};

use super::dsl::*;

const ADDRESS: &str = "ana@example.com";

fn signs_up() -> Step {
    registers("ana", ADDRESS).called("sign-up")
}

fn is_granted() -> Step {
    becomes_operator("ana", ADDRESS).called("grant")
}

fn is_revoked() -> Step {
    loses_the_role("ana", ADDRESS).called("revocation")
}

/// The number of operators.
fn operators(then: &Then) -> usize {
    then.contest.operator_grants.values().filter(|grant| grant.end.is_none()).count()
}

#[test]
fn signing_up_grants_no_role() {
    given([]).when(signs_up()).then(accepted()).and(operators, 0);
}

#[test]
fn a_grant_makes_an_account_an_operator() {
    given([signs_up()])
        .when(is_granted())
        .then(accepted())
        .and(
            |then| then.contest.operator_grants[&event_id("grant")],
            OperatorGrant { account: person("ana"), since: moment(1), end: None },
        )
        .and(|then| then.changes.operator_grants.clone(), [event_id("grant")].into());
}

#[test]
fn a_revoked_role_can_be_granted_again() {
    given([signs_up(), is_granted()])
        .when(is_revoked())
        .then(accepted())
        .and(operators, 0)
        .and(
            |then| then.contest.operator_grants[&event_id("grant")].end,
            Some((moment(2), event_id("revocation"))),
        )
        .and(|then| then.changes.operator_grants.clone(), [event_id("grant")].into());
    given([signs_up(), is_granted(), is_revoked()])
        .when(becomes_operator("ana", ADDRESS))
        .then(accepted())
        .and(operators, 1);
}

#[test]
fn erasing_the_account_ends_the_role() {
    given([signs_up(), is_granted()])
        .when(erases("ana", ADDRESS))
        .then(accepted())
        .and(operators, 0)
        .and(|then| then.changes.operator_grants.clone(), [event_id("grant")].into());
    given([signs_up(), is_granted(), erases("ana", ADDRESS)])
        .when(registers("ana again", ADDRESS))
        .then(accepted())
        .and(operators, 0);
}

#[test]
fn a_grant_or_revocation_delivered_twice_counts_once() {
    given([signs_up(), is_granted()])
        .when(is_granted())
        .then(duplicate_of(accepted()))
        .and(operators, 1);
    let over = [signs_up(), is_granted(), is_revoked()];
    given(over.clone()).when(is_granted()).then(duplicate_of(accepted())).and(operators, 0);
    given(over).when(is_revoked()).then(duplicate_of(accepted())).and(operators, 0);
    given([signs_up(), is_granted(), is_revoked(), becomes_operator("ana", ADDRESS)])
        .when(is_revoked())
        .then(duplicate_of(accepted()))
        .and(operators, 1);
    given([signs_up(), is_granted(), erases("ana", ADDRESS)])
        .when(is_granted())
        .then(duplicate_of(accepted()))
        .and(operators, 0);
}

#[test]
fn an_operator_is_not_granted_twice_and_others_are_not_revoked() {
    given([signs_up(), is_granted()])
        .when(becomes_operator("ana", ADDRESS))
        .then(rejected(Rejection::AlreadyOperator));
    given([signs_up()]).when(is_revoked()).then(rejected(Rejection::NotOperator));
    given([signs_up(), is_granted(), is_revoked()])
        .when(loses_the_role("ana", ADDRESS))
        .then(rejected(Rejection::NotOperator));
}

#[test]
fn only_the_account_that_holds_the_address_gets_or_loses_the_role() {
    for change in [becomes_operator, loses_the_role] {
        given([]).when(change("ana", ADDRESS)).then(rejected(Rejection::AccountUnknown));
        given([signs_up()]).when(change("beto", ADDRESS)).then(rejected(Rejection::AccountUnknown));
        given([signs_up(), erases("ana", ADDRESS), registers("ana again", ADDRESS)])
            .when(change("ana", ADDRESS))
            .then(rejected(Rejection::AccountErased));
    }
}
