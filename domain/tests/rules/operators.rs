//! Operators: who may see how the installation fares.

use domain::{Rejection, Term};

use super::dsl::*;

const ADDRESS: &str = "ana@example.com";

fn signs_up() -> Step {
    registers("ana", ADDRESS).called("sign-up")
}

fn is_granted() -> Step {
    becomes_operator("ana", ADDRESS).called("grant")
}

fn is_revoked() -> Step {
    is_operator_no_more("ana", ADDRESS).called("revocation")
}

/// How many operators there are.
fn operators(then: &Then) -> usize {
    then.contest.terms.values().filter(|term| term.end.is_none()).count()
}

#[test]
fn nobody_is_an_operator_by_signing_up() {
    given([]).when(signs_up()).then(accepted()).and(operators, 0);
}

#[test]
fn an_account_becomes_an_operator_s() {
    given([signs_up()])
        .when(is_granted())
        .then(accepted())
        .and(
            |then| then.contest.terms[&event_id("grant")],
            Term { account: person("ana"), since: moment(1), end: None },
        )
        .and(|then| then.changes.terms.clone(), [event_id("grant")].into());
}

#[test]
fn the_role_ends_when_it_is_revoked_and_can_be_given_again() {
    given([signs_up(), is_granted()])
        .when(is_revoked())
        .then(accepted())
        .and(operators, 0)
        .and(
            |then| then.contest.terms[&event_id("grant")].end,
            Some((moment(2), event_id("revocation"))),
        )
        .and(|then| then.changes.terms.clone(), [event_id("grant")].into());
    given([signs_up(), is_granted(), is_revoked()])
        .when(becomes_operator("ana", ADDRESS))
        .then(accepted())
        .and(operators, 1);
}

#[test]
fn the_role_ends_with_the_account() {
    given([signs_up(), is_granted()])
        .when(erases("ana", ADDRESS))
        .then(accepted())
        .and(operators, 0)
        .and(|then| then.changes.terms.clone(), [event_id("grant")].into());
    given([signs_up(), is_granted(), erases("ana", ADDRESS)])
        .when(registers("ana again", ADDRESS))
        .then(accepted())
        .and(operators, 0);
}

#[test]
fn what_is_delivered_twice_counts_once_however_late() {
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
fn who_is_one_cannot_become_one_and_who_is_none_cannot_end() {
    given([signs_up(), is_granted()])
        .when(becomes_operator("ana", ADDRESS))
        .then(rejected(Rejection::AlreadyOperator));
    given([signs_up()]).when(is_revoked()).then(rejected(Rejection::NotOperator));
    given([signs_up(), is_granted(), is_revoked()])
        .when(is_operator_no_more("ana", ADDRESS))
        .then(rejected(Rejection::NotOperator));
}

#[test]
fn only_the_account_that_holds_the_address_counts() {
    for change in [becomes_operator, is_operator_no_more] {
        given([]).when(change("ana", ADDRESS)).then(rejected(Rejection::AccountUnknown));
        given([signs_up()]).when(change("beto", ADDRESS)).then(rejected(Rejection::AccountUnknown));
        given([signs_up(), erases("ana", ADDRESS), registers("ana again", ADDRESS)])
            .when(change("ana", ADDRESS))
            .then(rejected(Rejection::AccountErased));
    }
}
