//! The checker bites: each lie is told to it alone, and found.

use super::*;

const ANA: Uuid = Uuid::from_u128(1);
const BETO: Uuid = Uuid::from_u128(2);
const SONG: Uuid = Uuid::from_u128(11);
const DANCE: Uuid = Uuid::from_u128(12);

/// A small contest in which all is well: a published song with a vote, and a deleted dance.
fn history() -> Vec<Entry> {
    let register = |email: &str, id| Entry {
        act: Act::Register { email: email.to_owned() },
        told: Told::Accepted(Effect::Made(id)),
    };
    let upload = |title: &str, id| Entry {
        act: Act::Upload { by: ANA, title: title.to_owned() },
        told: Told::Accepted(Effect::Made(id)),
    };
    vec![
        register("ana@example.com", ANA),
        register("beto@example.com", BETO),
        upload("song", SONG),
        upload("dance", DANCE),
        vote(Told::Accepted(Effect::Votes(1))),
        vote(Told::Rejected("already_voted".to_owned())),
        Entry { act: Act::Delete { by: ANA, video: DANCE }, told: Told::Accepted(Effect::Done) },
        Entry { act: delete_song(), told: Told::Rejected("has_votes".to_owned()) },
    ]
}

fn vote(told: Told) -> Entry {
    Entry { act: Act::Vote { by: BETO, video: SONG }, told }
}

fn delete_song() -> Act {
    Act::Delete { by: ANA, video: SONG }
}

fn facts() -> Facts {
    let video = |title: &str, status: &str, votes, keys: &[&str]| Video {
        owner: ANA,
        title: title.to_owned(),
        status: status.to_owned(),
        failure: None,
        votes,
        objects: keys.iter().map(|key| ((*key).to_owned(), Some(7))).collect(),
    };
    let counted = |status: &str, voters: &[Uuid], ends: &[&'static str]| CountedVideo {
        status: status.to_owned(),
        voters: voters.iter().copied().collect(),
        ends: ends.to_vec(),
    };
    let keys = ["originals/song", "processed/song", "posters/song", "hls/song/list"];
    let parts = ["hls/song/360", "hls/song/360.list"];
    let board = BTreeMap::from([(ANA, 1)]);
    Facts {
        accounts: BTreeSet::from([ANA, BETO]),
        counted_accounts: BTreeSet::from([ANA, BETO]),
        people: BTreeSet::from([ANA, BETO]),
        videos: BTreeMap::from([
            (SONG, video("song", "processed", 1, &keys)),
            (DANCE, video("dance", "deleted", 0, &["originals/dance"])),
        ]),
        counted_videos: BTreeMap::from([
            (SONG, counted("processed", &[BETO], &["processed"])),
            (DANCE, counted("deleted", &[], &["processed", "deleted"])),
        ]),
        votes: BTreeSet::from([(SONG, BETO)]),
        objects: keys.iter().chain(&parts).map(|key| ((*key).to_owned(), 7)).collect(),
        boards: vec![board.clone(), board.clone()],
        counted_board: board,
        ..Facts::default()
    }
}

/// What the checker says when the facts are doctored in this way.
fn with_facts<T>(doctor: impl FnOnce(&mut Facts) -> T) -> String {
    let mut facts = facts();
    doctor(&mut facts);
    check(&history(), &facts).join("\n")
}

/// What it says when this is added to the history.
fn with_entry(act: Act, told: Told) -> String {
    let mut history = history();
    history.push(Entry { act, told });
    check(&history, &facts()).join("\n")
}

fn song(facts: &mut Facts) -> &mut Video {
    facts.videos.get_mut(&SONG).unwrap()
}

fn counted_song(facts: &mut Facts) -> &mut CountedVideo {
    facts.counted_videos.get_mut(&SONG).unwrap()
}

#[track_caller]
fn found(report: &str, words: &str) {
    assert!(report.contains(words), "`{words}` is not in: {report}");
}

#[test]
fn all_is_well() {
    assert_eq!(check(&history(), &facts()), Vec::<String>::new());
}

#[test]
fn a_lost_vote() {
    let lost = |facts: &mut Facts| facts.votes.clear();
    found(&with_facts(lost), "it does not count");
    // Also when nobody but the client remembers it.
    let forgotten = with_facts(|facts| {
        lost(facts);
        song(facts).votes = 0;
        counted_song(facts).voters.clear();
        facts.counted_board = BTreeMap::from([(ANA, 0)]);
        facts.boards = vec![facts.counted_board.clone()];
    });
    found(&forgotten, "it does not count");
}

#[test]
fn a_vote_that_is_counted_twice_or_was_never_cast() {
    found(&with_facts(|facts| song(facts).votes = 2), "has 2 votes and 1 rows");
    let invented = with_facts(|facts| facts.votes.insert((SONG, ANA)));
    found(&invented, "was never cast");
    found(&invented, "its voters are not those of the recount");
    let miscounted =
        with_entry(Act::Vote { by: BETO, video: SONG }, Told::Accepted(Effect::Votes(9)));
    found(&miscounted, "there are 1 now");
}

#[test]
fn the_retry_of_a_counted_vote_that_is_refused() {
    let mut history = history();
    history.retain(|entry| entry.told != Told::Accepted(Effect::Votes(1)));
    found(&check(&history, &facts()).join("\n"), "it is not so");
}

#[test]
fn a_video_without_an_end_or_with_two() {
    found(&with_facts(|facts| counted_song(facts).ends.clear()), "came to these ends: []");
    let twice = with_facts(|facts| counted_song(facts).ends = vec!["processed", "failed"]);
    found(&twice, "came to these ends");
    let other = with_facts(|facts| counted_song(facts).ends = vec!["failed"]);
    found(&other, "came to these ends");
    let waiting = with_facts(|facts| song(facts).status = "processing".to_owned());
    found(&waiting, "came to these ends");
    found(&waiting, "the recount says processed");
}

#[test]
fn a_sound_file_that_is_called_broken() {
    let broken = with_facts(|facts| song(facts).failure = Some("undecodable".to_owned()));
    found(&broken, "is sound, and failed as undecodable");
}

#[test]
fn an_upload_that_is_lost_doubled_or_nobodys() {
    let lost = with_facts(|facts| facts.videos.remove(&SONG));
    found(&lost, "there is no such video");
    found(&lost, "made 0 videos");
    found(&lost, "the videos are not those of the recount");
    let doubled = with_facts(|facts| {
        let again = facts.videos[&SONG].clone();
        facts.videos.insert(Uuid::from_u128(13), again);
    });
    found(&doubled, "made 2 videos");
    let title = with_facts(|facts| song(facts).title = "noise".to_owned());
    found(&title, "nobody has uploaded `noise`");
}

#[test]
fn a_deletion_that_did_not_happen() {
    let kept =
        with_facts(|facts| facts.videos.get_mut(&DANCE).unwrap().status = "processed".into());
    found(&kept, "it is still there");
}

#[test]
fn objects_that_are_lost_cut_or_nobodys() {
    found(&with_facts(|f| f.objects.remove("posters/song")), "posters/song is lost");
    let cut = with_facts(|facts| facts.objects.insert("processed/song".to_owned(), 3));
    found(&cut, "has 3 bytes");
    let orphan = with_facts(|facts| facts.objects.insert("originals/dance".to_owned(), 7));
    found(&orphan, "originals/dance belongs to no video");
    found(&with_facts(|f| f.objects.remove("hls/song/list")), "hls/song/list is lost");
    found(&with_facts(|f| f.objects.remove("hls/song/360")), "hls/song/list has no parts");
    let orphan = with_facts(|facts| facts.objects.insert("hls/dance/360".to_owned(), 7));
    found(&orphan, "hls/dance/360 belongs to no video");
}

#[test]
fn accounts_that_are_lost_doubled_or_nameless() {
    let lost = with_facts(|facts| facts.accounts.remove(&BETO));
    found(&lost, "there is no such account");
    found(&lost, "the accounts are not those of the recount");
    found(&with_facts(|facts| facts.people.remove(&BETO)), "has lost its personal data");
    let again = Act::Register { email: "ana@example.com".to_owned() };
    found(&with_entry(again, Told::Accepted(Effect::Made(BETO))), "ana@example.com has 2 accounts");
    let first = Act::Register { email: "carla@example.com".to_owned() };
    found(&with_entry(first, Told::Rejected("email_taken".to_owned())), "it is not so");
}

#[test]
fn answers_that_nobody_may_get() {
    let pending = with_entry(delete_song(), Told::Pending("token".to_owned()));
    found(&pending, "its token was never resolved");
    let absurd = with_entry(delete_song(), Told::Absurd("500".to_owned()));
    found(&absurd, "nobody may be told that");
    let unjust = with_entry(delete_song(), Told::Rejected("not_owner".to_owned()));
    found(&unjust, "it is not so");
    let other = with_entry(delete_song(), Told::Accepted(Effect::Votes(1)));
    found(&other, "another act's answer");
}

#[test]
fn read_models_that_disagree() {
    let other = BTreeMap::from([(ANA, 2)]);
    found(&with_facts(|facts| facts.boards[1] = other), "the ranking of API 2");
    let rebuilt = with_facts(|facts| facts.checksums[1].push("votes 2 rows".to_owned()));
    found(&rebuilt, "a rebuild comes to something else");
    found(&with_facts(|facts| facts.dead_letters = 1), "1 records are no events");
    found(&with_facts(|facts| facts.alarms.push("panicked at".to_owned())), "panicked at");
}
