//! Erasure: a person leaves for good, their address is free again, their votes and videos stay.

use domain::contest::End;
use domain::{Account, ErasedAccount, Rejection, VideoStatus};

use super::dsl::*;

const ADDRESS: &str = "ana@example.com";

/// Ana as she signed up first of all, by the event called `sign-up`.
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

fn leaves() -> Step {
    erases("ana", ADDRESS).called("erasure")
}

/// Whoever the address belongs to.
fn holder(then: &Then) -> Option<domain::AccountId> {
    then.contest.accounts.get(&email(ADDRESS)).map(|account| account.id)
}

#[test]
fn an_erased_account_lets_go_of_its_address() {
    let key = (email(ADDRESS), person("ana"));
    given([signs_up()])
        .when(leaves())
        .then(accepted())
        .and(holder, None)
        .and(
            |then| then.contest.erased[&key].clone(),
            ErasedAccount { account: ana(), at: moment(1), by: event_id("erasure") },
        )
        .and(|then| then.changes.erased.clone(), [key.clone()].into());
}

#[test]
fn the_address_can_register_again_as_a_new_account() {
    given([signs_up(), leaves()])
        .when(registers("ana again", ADDRESS))
        .then(accepted())
        .and(holder, Some(person("ana again")))
        .and(|then| then.contest.erased.len(), 1);
}

#[test]
fn the_new_account_can_be_erased_as_well() {
    given([signs_up(), leaves(), registers("ana again", ADDRESS)])
        .when(erases("ana again", ADDRESS))
        .then(accepted())
        .and(holder, None)
        .and(|then| then.contest.erased.len(), 2);
}

#[test]
fn the_old_registration_delivered_again_brings_nobody_back() {
    given([signs_up(), leaves()]).when(signs_up()).then(duplicate_of(accepted())).and(holder, None);
    given([signs_up(), leaves(), registers("ana again", ADDRESS)])
        .when(signs_up())
        .then(duplicate_of(accepted()))
        .and(holder, Some(person("ana again")));
}

#[test]
fn an_erasure_delivered_twice_counts_once() {
    given([signs_up(), leaves()]).when(leaves()).then(duplicate_of(accepted()));
    given([signs_up(), leaves(), registers("ana again", ADDRESS)])
        .when(leaves())
        .then(duplicate_of(accepted()))
        .and(holder, Some(person("ana again")));
}

#[test]
fn of_two_erasures_the_first_in_the_log_counts() {
    given([signs_up(), leaves()])
        .when(erases("ana", ADDRESS))
        .then(rejected(Rejection::AccountErased));
}

#[test]
fn the_old_account_is_not_erased_once_more_instead_of_the_new_one() {
    given([signs_up(), leaves(), registers("ana again", ADDRESS)])
        .when(erases("ana", ADDRESS))
        .then(rejected(Rejection::AccountErased))
        .and(holder, Some(person("ana again")));
}

#[test]
fn an_erased_accounts_id_is_not_free_again() {
    given([signs_up(), leaves()])
        .when(registers("ana", ADDRESS))
        .then(rejected(Rejection::AccountErased));
}

#[test]
fn what_was_never_registered_cannot_be_erased() {
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
fn an_erasure_rejected_as_unknown_does_not_take_effect_when_delivered_after_the_registration() {
    given([leaves(), signs_up()])
        .when(leaves())
        .then(duplicate_of(rejected(Rejection::AccountUnknown)))
        .and(holder, Some(person("ana")));
}

#[test]
fn a_registration_rejected_once_stays_rejected_when_the_address_is_free() {
    given([signs_up(), registers("beto", ADDRESS).called("late"), leaves()])
        .when(registers("beto", ADDRESS).called("late"))
        .then(duplicate_of(rejected(Rejection::EmailTaken)))
        .and(holder, None);
}

#[test]
fn votes_of_who_has_left_still_count_and_so_do_votes_on_their_way() {
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
fn what_never_came_on_stage_is_withdrawn() {
    let unfinished = [
        (vec![uploads("ana", CLIP)], None),
        (vec![uploads("ana", CLIP), attempt_starts(CLIP, 1)], None),
        (
            vec![uploads("ana", CLIP), fails_for_good(CLIP, 1).called("failure")],
            Some(End::Failed(failed_at(1))),
        ),
    ];
    for (history, end) in unfinished {
        let n = history.len();
        given(history)
            .when(is_withdrawn("ana", CLIP).called("withdrawal"))
            .then(accepted())
            .and_status(
                CLIP,
                VideoStatus::Deleted { at: moment(n), by: event_id("withdrawal"), end },
            )
            .and(|then| then.changes.stages.clone(), [video(CLIP)].into());
    }
}

#[test]
fn what_came_on_stage_stays_there() {
    given(a_published_clip())
        .when(is_withdrawn("ana", CLIP))
        .then(rejected(Rejection::AlreadyFinished))
        .and_status(CLIP, VideoStatus::Processed(published_at(2)));
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
fn nobody_elses_video_is_withdrawn() {
    given([uploads("ana", CLIP)])
        .when(is_withdrawn("beto", CLIP))
        .then(rejected(Rejection::NotOwner));
    given([]).when(is_withdrawn("ana", CLIP)).then(rejected(Rejection::VideoUnknown));
}
