//! Erasure: the address of an erased account is free again, its votes and published videos stay.

use domain::video::ProcessingEnd;
use domain::{Account, ErasedAccount, Rejection, VideoState};

use super::dsl::*;

const ADDRESS: &str = "ana@example.com";

/// Ana's account, registered by the first event, which is called `sign-up`.
fn ana() -> Account {
    Account {
        id: person("ana"),
        city: "Cali".into(),
        country: "Colombia".into(),
        registered_at: moment(0),
        registered_by: event_id("sign-up"),
    }
}

fn signs_up() -> Step {
    registers("ana", ADDRESS).called("sign-up")
}

fn erases_account() -> Step {
    erases("ana", ADDRESS).called("erasure")
}

/// The account that holds the address.
fn holder(then: &Then) -> Option<domain::AccountId> {
    then.contest.accounts.get(&email(ADDRESS)).map(|account| account.id)
}

#[test]
fn an_erased_account_releases_its_address() {
    let key = (email(ADDRESS), person("ana"));
    given([signs_up()])
        .when(erases_account())
        .then(accepted())
        .and(holder, None)
        .and(
            |then| then.contest.erased[&key].clone(),
            ErasedAccount { account: ana(), at: moment(1), by: event_id("erasure") },
        )
        .and(|then| then.changes.erased.clone(), [key.clone()].into());
}

#[test]
fn a_released_address_can_register_a_new_account() {
    given([signs_up(), erases_account()])
        .when(registers("ana again", ADDRESS))
        .then(accepted())
        .and(holder, Some(person("ana again")))
        .and(|then| then.contest.erased.len(), 1);
}

#[test]
fn the_new_account_can_be_erased_too() {
    given([signs_up(), erases_account(), registers("ana again", ADDRESS)])
        .when(erases("ana again", ADDRESS))
        .then(accepted())
        .and(holder, None)
        .and(|then| then.contest.erased.len(), 2);
}

#[test]
fn the_old_registration_delivered_again_restores_no_account() {
    given([signs_up(), erases_account()])
        .when(signs_up())
        .then(duplicate_of(accepted()))
        .and(holder, None);
    given([signs_up(), erases_account(), registers("ana again", ADDRESS)])
        .when(signs_up())
        .then(duplicate_of(accepted()))
        .and(holder, Some(person("ana again")));
}

#[test]
fn an_erasure_delivered_twice_counts_once() {
    given([signs_up(), erases_account()]).when(erases_account()).then(duplicate_of(accepted()));
    given([signs_up(), erases_account(), registers("ana again", ADDRESS)])
        .when(erases_account())
        .then(duplicate_of(accepted()))
        .and(holder, Some(person("ana again")));
}

#[test]
fn a_second_erasure_is_rejected() {
    given([signs_up(), erases_account()])
        .when(erases("ana", ADDRESS))
        .then(rejected(Rejection::AccountErased));
}

#[test]
fn a_second_erasure_of_the_old_account_does_not_erase_the_new_one() {
    given([signs_up(), erases_account(), registers("ana again", ADDRESS)])
        .when(erases("ana", ADDRESS))
        .then(rejected(Rejection::AccountErased))
        .and(holder, Some(person("ana again")));
}

#[test]
fn the_id_of_an_erased_account_cannot_be_used_again() {
    given([signs_up(), erases_account()])
        .when(registers("ana", ADDRESS))
        .then(rejected(Rejection::AccountErased));
}

#[test]
fn an_account_that_was_never_registered_cannot_be_erased() {
    given([]).when(erases("ana", ADDRESS)).then(rejected(Rejection::AccountUnknown));
    given([signs_up()])
        .when(erases("beto", ADDRESS))
        .then(rejected(Rejection::AccountUnknown))
        .and(holder, Some(person("ana")));
    given([signs_up()])
        .when(erases("ana", "another@example.com"))
        .then(rejected(Rejection::AccountUnknown));
}

#[test]
fn a_rejected_erasure_stays_rejected_when_delivered_after_the_registration() {
    given([erases_account(), signs_up()])
        .when(erases_account())
        .then(duplicate_of(rejected(Rejection::AccountUnknown)))
        .and(holder, Some(person("ana")));
}

#[test]
fn a_rejected_registration_stays_rejected_when_the_address_is_free() {
    given([signs_up(), registers("beto", ADDRESS).called("late"), erases_account()])
        .when(registers("beto", ADDRESS).called("late"))
        .then(duplicate_of(rejected(Rejection::EmailTaken)))
        .and(holder, None);
}

#[test]
fn votes_of_an_erased_account_count() {
    let address = "beto@example.com";
    let history = [registers("beto", address), votes("beto", CLIP), erases("beto", address)];
    given(a_published_clip_and(history))
        .when(votes("cleo", CLIP))
        .then(counted_as_vote(2))
        .and(|then| then.contest.erased.len(), 1);
    given([
        uploads("ana", CLIP),
        is_processed(CLIP),
        registers("beto", address),
        erases("beto", address),
    ])
    .when(votes("beto", CLIP))
    .then(counted_as_vote(1));
}

#[test]
fn an_unpublished_video_can_be_withdrawn() {
    let unfinished = [
        (vec![uploads("ana", CLIP)], None),
        (vec![uploads("ana", CLIP), attempt_starts(CLIP, 1)], None),
        (
            vec![uploads("ana", CLIP), fails_for_good(CLIP, 1).called("failure")],
            Some(ProcessingEnd::Failed(failed_at(1))),
        ),
    ];
    for (history, end) in unfinished {
        let n = history.len();
        given(history)
            .when(is_withdrawn("ana", CLIP).called("withdrawal"))
            .then(accepted())
            .and_state(CLIP, VideoState::Deleted { at: moment(n), by: event_id("withdrawal"), end })
            .and(|then| then.changes.status_changed.clone(), [video(CLIP)].into());
    }
}

#[test]
fn a_published_video_cannot_be_withdrawn() {
    given(a_published_clip())
        .when(is_withdrawn("ana", CLIP))
        .then(rejected(Rejection::AlreadyFinished))
        .and_state(CLIP, VideoState::Processed(published_at(2)));
}

#[test]
fn a_result_after_the_withdrawal_is_rejected() {
    given([uploads("ana", CLIP), attempt_starts(CLIP, 1), is_withdrawn("ana", CLIP)])
        .when(is_processed(CLIP))
        .then(rejected(Rejection::VideoDeleted));
}

#[test]
fn a_withdrawal_delivered_twice_counts_once() {
    given([uploads("ana", CLIP), is_withdrawn("ana", CLIP).called("withdrawal")])
        .when(is_withdrawn("ana", CLIP).called("withdrawal"))
        .then(duplicate_of(accepted()));
    given([uploads("ana", CLIP), is_withdrawn("ana", CLIP)])
        .when(is_withdrawn("ana", CLIP))
        .then(rejected(Rejection::VideoDeleted));
}

#[test]
fn only_a_video_of_the_owner_is_withdrawn() {
    given([uploads("ana", CLIP)])
        .when(is_withdrawn("beto", CLIP))
        .then(rejected(Rejection::NotOwner));
    given([]).when(is_withdrawn("ana", CLIP)).then(rejected(Rejection::VideoUnknown));
}
