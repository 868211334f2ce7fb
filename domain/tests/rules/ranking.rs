//! The order of artists in the ranking.

use domain::ranking::{Standing, recount, standing};
use proptest::prelude::*;

use super::dsl::*;

fn ranked(history: impl IntoIterator<Item = Step>) -> Vec<Standing> {
    // Any last event that changes nothing in the ranking will do.
    let then = given(history).when(registers("nobody", "nobody@example.com")).then(accepted());
    recount(&then.contest)
}

fn publishes(owner: &str, name: &str) -> [Step; 2] {
    [uploads(owner, name), is_processed(name)]
}

fn names(ranking: &[Standing]) -> Vec<&'static str> {
    let name = |artist| ["ana", "beto", "cleo"].into_iter().find(|name| person(name) == artist);
    ranking.iter().map(|standing| name(standing.artist).unwrap()).collect()
}

fn all_three_register() -> [Step; 3] {
    [
        registers("ana", "ana@example.com"),
        registers("beto", "beto@example.com"),
        registers("cleo", "cleo@example.com"),
    ]
}

#[test]
fn more_votes_rank_higher() {
    let mut history: Vec<Step> = all_three_register().into();
    history.extend(publishes("ana", "a"));
    history.extend(publishes("beto", "b"));
    history.extend([votes("x", "a"), votes("x", "b"), votes("y", "b")]);
    assert_eq!(names(&ranked(history)), ["beto", "ana"]);
}

#[test]
fn of_equal_counts_the_one_reached_first_ranks_higher() {
    let mut history: Vec<Step> = all_three_register().into();
    history.extend(publishes("ana", "a"));
    history.extend(publishes("beto", "b"));
    history.extend([votes("x", "b"), votes("x", "a")]);
    let ranking = ranked(history);
    assert_eq!(names(&ranking), ["beto", "ana"]);
    assert_eq!([ranking[0].reached_at, ranking[1].reached_at], [moment(7), moment(8)]);
}

#[test]
fn without_votes_the_first_publication_decides() {
    let mut history: Vec<Step> = all_three_register().into();
    history.extend(publishes("beto", "b"));
    history.extend(publishes("ana", "a"));
    history.extend(publishes("beto", "b2"));
    let ranking = ranked(history);
    assert_eq!(names(&ranking), ["beto", "ana"]);
    assert_eq!([ranking[0].reached_at, ranking[1].reached_at], [moment(4), moment(6)]);
}

#[test]
fn votes_are_summed_over_published_videos() {
    let mut history: Vec<Step> = all_three_register().into();
    history.extend(publishes("ana", "a"));
    history.extend(publishes("ana", "a2"));
    history.extend([votes("x", "a"), votes("x", "a2"), votes("y", "a2")]);
    let ranking = ranked(history);
    assert_eq!(
        ranking,
        [Standing { artist: person("ana"), votes: 3, reached_at: moment(9) }],
        "artists without a published video are on no board"
    );
}

#[test]
fn an_artist_who_deletes_their_only_video_does_not_rank() {
    let mut history: Vec<Step> = all_three_register().into();
    history.extend(publishes("ana", "a"));
    history.push(deletes("ana", "a"));
    assert_eq!(ranked(history), []);
}

#[test]
fn an_erased_account_keeps_its_position() {
    let mut history: Vec<Step> = all_three_register().into();
    history.extend(publishes("ana", "a"));
    history.extend(publishes("beto", "b"));
    history.extend([votes("beto", "a"), erases("ana", "ana@example.com")]);
    history.extend([erases("beto", "beto@example.com"), registers("dora", "ana@example.com")]);
    assert_eq!(names(&ranked(history)), ["ana", "beto"]);
}

#[test]
fn an_artist_whose_registration_is_not_folded_yet_does_not_rank() {
    assert_eq!(ranked(publishes("ana", "a")), []);
}

#[test]
fn an_artist_without_a_video_does_not_rank() {
    assert_eq!(standing(person("ana"), []), None);
}

fn any_standing() -> impl Strategy<Value = Standing> {
    (0..4_u8, 0..3_u64, 0..3_usize).prop_map(|(artist, votes, at)| Standing {
        artist: person(&artist.to_string()),
        votes,
        reached_at: moment(at),
    })
}

proptest! {
    #[test]
    fn the_order_is_total(a in any_standing(), b in any_standing(), c in any_standing()) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a.cmp(&b).is_eq(), a == b);
        prop_assert_eq!(a.partial_cmp(&b), Some(a.cmp(&b)));
        if a <= b && b <= c {
            prop_assert!(a <= c);
        }
    }

    #[test]
    fn sorting_does_not_depend_on_the_order_before(
        (sorted, shuffled) in prop::collection::vec(any_standing(), 0..12).prop_flat_map(|mut all| {
            all.sort();
            (Just(all.clone()), Just(all).prop_shuffle())
        }),
    ) {
        let mut again = shuffled;
        again.sort_unstable();
        prop_assert_eq!(again, sorted);
    }
}
