//! What holds for every history, however it is delivered.
//!
//! A history is folded twice: once plainly, and once the way a projector does it: partitions
//! interleaved at will, cut into batches, each batch over nothing but the rows that its keys name,
//! with records delivered again. Both must come to the same contest.

mod histories;
mod store;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::fold::fold;
use domain::ranking::recount;
use domain::{AccountId, Changes, Contest, EventId, Outcome, Recorded, Verdict, VideoStatus};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use histories::{Delivery, History, any_delivery, any_history};
use store::Store;

/// The plain fold: every partition from beginning to end, one after the other.
fn folded(history: &History) -> (Contest, Vec<(EventId, Outcome)>) {
    let mut contest = Contest::default();
    let fold_one =
        |record: &Recorded| (record.event_id, fold(&mut contest, &mut Changes::default(), record));
    let outcomes = history.partitions.iter().flatten().map(fold_one).collect();
    (contest, outcomes)
}

/// What each event's author was told first, without the running count of votes.
fn verdicts(outcomes: &[(EventId, Outcome)]) -> HashMap<EventId, String> {
    let mut verdicts = HashMap::new();
    for (event_id, outcome) in outcomes {
        let told = match outcome {
            Outcome::Decided(verdict) => format!("{verdict:?}"),
            Outcome::Overtaken => "overtaken".to_owned(),
            Outcome::Duplicate(_) => continue,
        };
        verdicts.entry(*event_id).or_insert(told);
    }
    verdicts
}

/// Everybody's standing, by artist.
fn boards(contest: &Contest) -> BTreeMap<AccountId, (u64, domain::Timestamp)> {
    let standings = recount(contest).into_iter();
    standings.map(|standing| (standing.artist, (standing.votes, standing.reached_at))).collect()
}

/// The delivery through a projector, checked batch by batch.
fn projected(
    history: &History,
    delivery: &Delivery,
) -> Result<(Contest, Vec<(EventId, Outcome)>), TestCaseError> {
    let mut store = Store::default();
    let mut outcomes = Vec::new();
    for batch in delivery.batches(history) {
        let before = boards(store.rows());
        let (folded, changes) = store.fold_batch(&batch);
        outcomes.extend(folded);
        let after = boards(store.rows());
        for artist in before.keys().chain(after.keys()) {
            let changed = before.get(artist) != after.get(artist);
            prop_assert!(!changed || changes.artists.contains(artist), "{artist} is not named");
        }
    }
    Ok((store.into_rows(), outcomes))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_and_any_cut_give_the_same_contest_and_verdicts(
        history in any_history(),
        delivery in any_delivery(),
    ) {
        let (contest, outcomes) = folded(&history);
        let (projected, delivered) = projected(&history, &delivery)?;
        prop_assert_eq!(&projected, &contest);
        prop_assert_eq!(recount(&projected), recount(&contest));
        let outcomes: HashMap<_, _> = numbered(outcomes);
        prop_assert_eq!(numbered(delivered), outcomes, "an outcome depends on the delivery");
    }

    #[test]
    fn records_delivered_again_change_nothing(
        (history, again) in any_history().prop_flat_map(|history| {
            let again = history.with_records_again();
            (Just(history), again)
        }),
        delivery in any_delivery(),
    ) {
        let (contest, outcomes) = folded(&history);
        let (projected, delivered) = projected(&again, &delivery)?;
        prop_assert_eq!(&projected, &contest);
        prop_assert_eq!(recount(&projected), recount(&contest));
        prop_assert_eq!(verdicts(&delivered), verdicts(&outcomes));
    }

    #[test]
    fn a_duplicate_learns_the_verdict_of_the_first_delivery(history in any_history()) {
        let (_, outcomes) = folded(&history);
        let mut first = HashMap::new();
        for (event_id, outcome) in outcomes {
            match outcome {
                Outcome::Decided(verdict) => {
                    let seen = first.insert(event_id, verdict);
                    prop_assert!(seen.is_none(), "{event_id} was decided twice");
                }
                Outcome::Duplicate(verdict) => match (first[&event_id], verdict) {
                    (Verdict::Rejected(then), Verdict::Rejected(now)) => prop_assert_eq!(then, now),
                    (Verdict::Accepted { total_votes: then }, Verdict::Accepted { total_votes: now }) => {
                        prop_assert!(then <= now);
                    }
                    other => prop_assert!(false, "{other:?}"),
                },
                Outcome::Overtaken => {}
            }
        }
    }

    #[test]
    fn nobody_is_counted_twice_and_nobody_is_forgotten(history in any_history()) {
        let (contest, outcomes) = folded(&history);
        let mut ballots = HashSet::new();
        for (event_id, outcome) in &outcomes {
            let Some(ballot) = history.ballot(*event_id) else { continue };
            if let Outcome::Decided(Verdict::Accepted { .. }) = outcome {
                prop_assert!(ballots.insert(ballot), "counted twice");
            }
        }
        let rows: HashSet<_> = contest.votes.keys().copied().collect();
        prop_assert_eq!(rows, ballots);
        for (id, video) in &contest.videos {
            let votes = contest.votes.iter().filter(|((voted, _), _)| voted == id);
            let times: Vec<_> = votes.map(|(_, vote)| vote.at).collect();
            prop_assert_eq!(video.votes, times.len() as u64);
            prop_assert_eq!(video.last_vote_at, times.into_iter().max());
            if video.votes > 0 {
                prop_assert!(matches!(video.status, VideoStatus::Processed(_)), "votes strand");
            }
        }
        prop_assert!(contest.votes.keys().all(|(video, _)| contest.videos.contains_key(video)));
        let total: u64 = recount(&contest).iter().map(|standing| standing.votes).sum();
        let registered: HashSet<_> = contest.everybody().map(|account| account.id).collect();
        let counted = contest.videos.values().filter(|video| registered.contains(&video.owner));
        prop_assert_eq!(total, counted.map(|video| video.votes).sum::<u64>());
    }
}

/// The `n`th delivery of each event and its outcome.
fn numbered(outcomes: Vec<(EventId, Outcome)>) -> HashMap<(EventId, usize), Outcome> {
    let mut deliveries: HashMap<EventId, usize> = HashMap::new();
    let number = |(event_id, outcome)| {
        let n = deliveries.entry(event_id).or_default();
        *n += 1;
        ((event_id, *n), outcome)
    };
    outcomes.into_iter().map(number).collect()
}

/// The properties above are worth as much as the histories that they see.
#[test]
fn the_histories_reach_every_outcome() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..256 {
        let history = any_history().new_tree(&mut runner).unwrap().current();
        for (_, outcome) in folded(&history).1 {
            seen.insert(match outcome {
                Outcome::Decided(Verdict::Accepted { total_votes: None }) => "accepted".to_owned(),
                Outcome::Decided(Verdict::Accepted { .. }) => "vote counted".to_owned(),
                Outcome::Decided(Verdict::Rejected(rejection)) => rejection.code().to_owned(),
                Outcome::Duplicate(Verdict::Accepted { .. }) => "accepted before".to_owned(),
                Outcome::Duplicate(Verdict::Rejected(_)) => "rejected before".to_owned(),
                Outcome::Overtaken => "overtaken".to_owned(),
            });
        }
    }
    let expected = [
        "accepted",
        "accepted before",
        "account_erased",
        "account_unknown",
        "already_finished",
        "already_operator",
        "already_voted",
        "email_taken",
        "has_votes",
        "not_operator",
        "not_owner",
        "not_votable",
        "overtaken",
        "rejected before",
        "video_deleted",
        "video_exists",
        "video_unknown",
        "vote counted",
    ];
    assert_eq!(seen, expected.map(str::to_owned).into());
}
