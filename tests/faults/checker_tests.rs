//! Tests of the checker: it reports each violation.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::checker::check;
use super::final_state::{ExpectedVideo, FinalState, Video};
use super::history::{Effect, Entry, Operation, Reply};

const ANA: Uuid = Uuid::from_u128(1);
const BETO: Uuid = Uuid::from_u128(2);
const SONG: Uuid = Uuid::from_u128(11);
const DANCE: Uuid = Uuid::from_u128(12);

/// A consistent history: a published song with a vote, and a deleted dance.
fn consistent_history() -> Vec<Entry> {
    let register = |email: &str, id| Entry {
        operation: Operation::Register { email: email.to_owned() },
        reply: Reply::Accepted(Effect::Created(id)),
    };
    let upload = |title: &str, id| Entry {
        operation: Operation::Upload { by: ANA, title: title.to_owned() },
        reply: Reply::Accepted(Effect::Created(id)),
    };
    vec![
        register("ana@example.com", ANA),
        register("beto@example.com", BETO),
        upload("song", SONG),
        upload("dance", DANCE),
        vote(Reply::Accepted(Effect::Votes(1))),
        vote(Reply::Rejected("already_voted".to_owned())),
        Entry {
            operation: Operation::Delete { by: ANA, video: DANCE },
            reply: Reply::Accepted(Effect::Done),
        },
        Entry { operation: delete_song(), reply: Reply::Rejected("has_votes".to_owned()) },
    ]
}

fn vote(reply: Reply) -> Entry {
    Entry { operation: Operation::Vote { by: BETO, video: SONG }, reply }
}

fn delete_song() -> Operation {
    Operation::Delete { by: ANA, video: SONG }
}

fn final_state() -> FinalState {
    let video = |title: &str, status: &str, votes, keys: &[&str]| Video {
        owner: ANA,
        title: title.to_owned(),
        status: status.to_owned(),
        failure: None,
        votes,
        objects: keys.iter().map(|key| ((*key).to_owned(), Some(7))).collect(),
    };
    let expected = |status: &str, voters: &[Uuid], ends: &[&'static str]| ExpectedVideo {
        status: status.to_owned(),
        voters: voters.iter().copied().collect(),
        ends: ends.to_vec(),
    };
    let keys = ["originals/song", "processed/song", "posters/song", "hls/song/list"];
    let parts = ["hls/song/360", "hls/song/360.list"];
    let board = BTreeMap::from([(ANA, 1)]);
    FinalState {
        accounts: BTreeSet::from([ANA, BETO]),
        expected_accounts: BTreeSet::from([ANA, BETO]),
        personal_data: BTreeSet::from([ANA, BETO]),
        videos: BTreeMap::from([
            (SONG, video("song", "processed", 1, &keys)),
            (DANCE, video("dance", "deleted", 0, &["originals/dance"])),
        ]),
        expected_videos: BTreeMap::from([
            (SONG, expected("processed", &[BETO], &["processed"])),
            (DANCE, expected("deleted", &[], &["processed", "deleted"])),
        ]),
        votes: BTreeSet::from([(SONG, BETO)]),
        objects: keys.iter().chain(&parts).map(|key| ((*key).to_owned(), 7)).collect(),
        boards: vec![board.clone(), board.clone()],
        expected_board: board,
        ..FinalState::default()
    }
}

/// The checker's report after a change of the final state.
fn with_state<T>(change: impl FnOnce(&mut FinalState) -> T) -> String {
    let mut state = final_state();
    change(&mut state);
    check(&consistent_history(), &state).join("\n")
}

/// The checker's report after one more entry in the history.
fn with_entry(operation: Operation, reply: Reply) -> String {
    let mut history = consistent_history();
    history.push(Entry { operation, reply });
    check(&history, &final_state()).join("\n")
}

fn song(state: &mut FinalState) -> &mut Video {
    state.videos.get_mut(&SONG).unwrap()
}

fn expected_song(state: &mut FinalState) -> &mut ExpectedVideo {
    state.expected_videos.get_mut(&SONG).unwrap()
}

#[track_caller]
fn assert_reported(report: &str, words: &str) {
    assert!(report.contains(words), "`{words}` is not in: {report}");
}

#[test]
fn a_consistent_history_has_no_violations() {
    assert_eq!(check(&consistent_history(), &final_state()), Vec::<String>::new());
}

#[test]
fn a_lost_vote_is_reported() {
    let lost = |state: &mut FinalState| state.votes.clear();
    assert_reported(&with_state(lost), "it does not count");
    // Also if every trace but the client's history is gone.
    let forgotten = with_state(|state| {
        lost(state);
        song(state).votes = 0;
        expected_song(state).voters.clear();
        state.expected_board = BTreeMap::from([(ANA, 0)]);
        state.boards = vec![state.expected_board.clone()];
    });
    assert_reported(&forgotten, "it does not count");
}

#[test]
fn a_vote_counted_twice_or_never_cast_is_reported() {
    assert_reported(&with_state(|state| song(state).votes = 2), "has 2 votes and 1 rows");
    let invented = with_state(|state| state.votes.insert((SONG, ANA)));
    assert_reported(&invented, "was never cast");
    assert_reported(&invented, "its voters are not those of the recount");
    let miscounted =
        with_entry(Operation::Vote { by: BETO, video: SONG }, Reply::Accepted(Effect::Votes(9)));
    assert_reported(&miscounted, "there are 1 now");
}

#[test]
fn a_rejected_retry_of_a_counted_vote_is_reported() {
    let mut history = consistent_history();
    history.retain(|entry| entry.reply != Reply::Accepted(Effect::Votes(1)));
    assert_reported(&check(&history, &final_state()).join("\n"), "it is not so");
}

#[test]
fn a_video_without_an_end_or_with_two_is_reported() {
    assert_reported(
        &with_state(|state| expected_song(state).ends.clear()),
        "came to these ends: []",
    );
    let twice = with_state(|state| expected_song(state).ends = vec!["processed", "failed"]);
    assert_reported(&twice, "came to these ends");
    let other = with_state(|state| expected_song(state).ends = vec!["failed"]);
    assert_reported(&other, "came to these ends");
    let waiting = with_state(|state| song(state).status = "processing".to_owned());
    assert_reported(&waiting, "came to these ends");
    assert_reported(&waiting, "the recount says processed");
}

#[test]
fn a_valid_file_that_failed_as_broken_is_reported() {
    let broken = with_state(|state| song(state).failure = Some("undecodable".to_owned()));
    assert_reported(&broken, "is sound, and failed as undecodable");
}

#[test]
fn a_lost_doubled_or_unknown_upload_is_reported() {
    let lost = with_state(|state| state.videos.remove(&SONG));
    assert_reported(&lost, "there is no such video");
    assert_reported(&lost, "made 0 videos");
    assert_reported(&lost, "the videos are not those of the recount");
    let doubled = with_state(|state| {
        let again = state.videos[&SONG].clone();
        state.videos.insert(Uuid::from_u128(13), again);
    });
    assert_reported(&doubled, "made 2 videos");
    let title = with_state(|state| song(state).title = "noise".to_owned());
    assert_reported(&title, "nobody has uploaded `noise`");
}

#[test]
fn a_deletion_without_effect_is_reported() {
    let kept =
        with_state(|state| state.videos.get_mut(&DANCE).unwrap().status = "processed".into());
    assert_reported(&kept, "it is still there");
}

#[test]
fn a_lost_truncated_or_orphaned_object_is_reported() {
    assert_reported(&with_state(|f| f.objects.remove("posters/song")), "posters/song is lost");
    let cut = with_state(|state| state.objects.insert("processed/song".to_owned(), 3));
    assert_reported(&cut, "has 3 bytes");
    let orphan = with_state(|state| state.objects.insert("originals/dance".to_owned(), 7));
    assert_reported(&orphan, "originals/dance belongs to no video");
    assert_reported(&with_state(|f| f.objects.remove("hls/song/list")), "hls/song/list is lost");
    assert_reported(
        &with_state(|f| f.objects.remove("hls/song/360")),
        "hls/song/list has no parts",
    );
    let orphan = with_state(|state| state.objects.insert("hls/dance/360".to_owned(), 7));
    assert_reported(&orphan, "hls/dance/360 belongs to no video");
}

#[test]
fn a_lost_doubled_or_nameless_account_is_reported() {
    let lost = with_state(|state| state.accounts.remove(&BETO));
    assert_reported(&lost, "there is no such account");
    assert_reported(&lost, "the accounts are not those of the recount");
    assert_reported(
        &with_state(|state| state.personal_data.remove(&BETO)),
        "has lost its personal data",
    );
    let again = Operation::Register { email: "ana@example.com".to_owned() };
    assert_reported(
        &with_entry(again, Reply::Accepted(Effect::Created(BETO))),
        "ana@example.com has 2 accounts",
    );
    let first = Operation::Register { email: "carla@example.com".to_owned() };
    assert_reported(&with_entry(first, Reply::Rejected("email_taken".to_owned())), "it is not so");
}

#[test]
fn an_impossible_reply_is_reported() {
    let pending = with_entry(delete_song(), Reply::Pending("token".to_owned()));
    assert_reported(&pending, "its token was never resolved");
    let invalid = with_entry(delete_song(), Reply::Invalid("500".to_owned()));
    assert_reported(&invalid, "that is no valid reply");
    let unjust = with_entry(delete_song(), Reply::Rejected("not_owner".to_owned()));
    assert_reported(&unjust, "it is not so");
    let other = with_entry(delete_song(), Reply::Accepted(Effect::Votes(1)));
    assert_reported(&other, "the reply to another operation");
}

#[test]
fn read_models_that_disagree_are_reported() {
    let other = BTreeMap::from([(ANA, 2)]);
    assert_reported(&with_state(|state| state.boards[1] = other), "the ranking of API 2");
    let rebuilt = with_state(|state| state.checksums[1].push("votes 2 rows".to_owned()));
    assert_reported(&rebuilt, "a rebuild comes to something else");
    assert_reported(&with_state(|state| state.dead_letters = 1), "1 records are no events");
    assert_reported(
        &with_state(|state| state.alarms.push("panicked at".to_owned())),
        "panicked at",
    );
}
