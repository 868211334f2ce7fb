//! Properties of every history and every way to deliver it.
//!
//! A history is folded twice. One fold takes the partitions one after the other. The other works like
//! a projector: it interleaves partitions, cuts batches, loads only the rows that the keys of a batch
//! name, and sees records delivered again. Both must give the same contest.

mod histories;
mod store;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::fold::fold;
use domain::ranking::recount;
use domain::{
    AccountId, Changes, Contest, EventId, EventType, FoldOutcome, Recorded, Rejection, Verdict,
    VideoStatus,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use histories::{Delivery, History, any_delivery, any_history};
use store::Store;

/// The plain fold: one partition after the other.
fn folded(history: &History) -> (Contest, Vec<(EventId, FoldOutcome)>) {
    let mut contest = Contest::default();
    let fold_one =
        |record: &Recorded| (record.event_id, fold(&mut contest, &mut Changes::default(), record));
    let outcomes = history.partitions.iter().flatten().map(fold_one).collect();
    (contest, outcomes)
}

/// The first verdict of each event.
fn verdicts(outcomes: &[(EventId, FoldOutcome)]) -> HashMap<EventId, String> {
    let mut verdicts = HashMap::new();
    for (event_id, outcome) in outcomes {
        let told = match outcome {
            FoldOutcome::Decided(verdict) => format!("{verdict:?}"),
            FoldOutcome::Overtaken => "overtaken".to_owned(),
            FoldOutcome::Duplicate(_) => continue,
        };
        verdicts.entry(*event_id).or_insert(told);
    }
    verdicts
}

/// The standings by artist.
fn boards(contest: &Contest) -> BTreeMap<AccountId, (u64, domain::Timestamp)> {
    let standings = recount(contest).into_iter();
    standings.map(|standing| (standing.artist, (standing.votes, standing.reached_at))).collect()
}

/// The fold of a projector, which checks after each batch that changed artists are named.
fn projected(
    history: &History,
    delivery: &Delivery,
) -> Result<(Contest, Vec<(EventId, FoldOutcome)>), TestCaseError> {
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
    fn interleaving_and_batching_change_neither_contest_nor_verdicts(
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
    fn a_duplicate_gets_the_verdict_of_the_first_delivery(history in any_history()) {
        let (_, outcomes) = folded(&history);
        let mut first = HashMap::new();
        for (event_id, outcome) in outcomes {
            match outcome {
                FoldOutcome::Decided(verdict) => {
                    let seen = first.insert(event_id, verdict);
                    prop_assert!(seen.is_none(), "{event_id} was decided twice");
                }
                FoldOutcome::Duplicate(verdict) => match (first[&event_id], verdict) {
                    (Verdict::Rejected(then), Verdict::Rejected(now)) => prop_assert_eq!(then, now),
                    (Verdict::Accepted { total_votes: then }, Verdict::Accepted { total_votes: now }) => {
                        prop_assert!(then <= now);
                    }
                    other => prop_assert!(false, "{other:?}"),
                },
                FoldOutcome::Overtaken => {}
            }
        }
    }

    #[test]
    fn every_accepted_vote_counts_exactly_once(history in any_history()) {
        let (contest, outcomes) = folded(&history);
        let mut votes_cast = HashSet::new();
        for (event_id, outcome) in &outcomes {
            let Some(vote) = history.vote(*event_id) else { continue };
            match outcome {
                FoldOutcome::Decided(Verdict::Accepted { .. }) => {
                    prop_assert!(votes_cast.insert(vote), "counted twice");
                }
                FoldOutcome::Decided(Verdict::Rejected(_))
                | FoldOutcome::Duplicate(_)
                | FoldOutcome::Overtaken => {}
            }
        }
        let rows: HashSet<_> = contest.votes.keys().copied().collect();
        prop_assert_eq!(rows, votes_cast);
        for (id, video) in &contest.videos {
            let votes = contest.votes.iter().filter(|((voted, _), _)| voted == id);
            let times: Vec<_> = votes.map(|(_, vote)| vote.at).collect();
            prop_assert_eq!(video.votes, times.len() as u64);
            prop_assert_eq!(video.last_vote_at, times.into_iter().max());
            if video.votes > 0 {
                prop_assert_eq!(video.state.status(), VideoStatus::Processed);
            }
        }
        prop_assert!(contest.votes.keys().all(|(video, _)| contest.videos.contains_key(video)));
        let total: u64 = recount(&contest).iter().map(|standing| standing.votes).sum();
        let registered: HashSet<_> = contest.all_accounts().map(|account| account.id).collect();
        let counted = contest.videos.values().filter(|video| registered.contains(&video.owner));
        prop_assert_eq!(total, counted.map(|video| video.votes).sum::<u64>());
    }
}

/// The `n`th delivery of each event and its outcome.
fn numbered(outcomes: Vec<(EventId, FoldOutcome)>) -> HashMap<(EventId, usize), FoldOutcome> {
    let mut deliveries: HashMap<EventId, usize> = HashMap::new();
    let number = |(event_id, outcome)| {
        let n = deliveries.entry(event_id).or_default();
        *n += 1;
        ((event_id, *n), outcome)
    };
    outcomes.into_iter().map(number).collect()
}

/// The properties above hold for the generated histories, so these must reach everything.
#[test]
fn the_histories_hold_every_event_type_and_reach_every_outcome() {
    let mut runner = TestRunner::deterministic();
    let (mut seen, mut types) = (BTreeSet::new(), HashSet::new());
    for _ in 0..256 {
        let history = any_history().new_tree(&mut runner).unwrap().current();
        types.extend(history.partitions.iter().flatten().map(|record| record.event.event_type()));
        for (_, outcome) in folded(&history).1 {
            seen.insert(match outcome {
                FoldOutcome::Decided(Verdict::Accepted { total_votes: None }) => {
                    "accepted".to_owned()
                }
                FoldOutcome::Decided(Verdict::Accepted { .. }) => "vote counted".to_owned(),
                FoldOutcome::Decided(Verdict::Rejected(rejection)) => rejection.code().to_owned(),
                FoldOutcome::Duplicate(Verdict::Accepted { .. }) => "accepted before".to_owned(),
                FoldOutcome::Duplicate(Verdict::Rejected(_)) => "rejected before".to_owned(),
                FoldOutcome::Overtaken => "overtaken".to_owned(),
            });
        }
    }
    let others = ["accepted", "accepted before", "overtaken", "rejected before", "vote counted"];
    let rejections = Rejection::ALL.iter().map(|rejection| rejection.code());
    let expected = rejections.chain(others).map(str::to_owned).collect();
    assert_eq!(seen, expected);
    assert_eq!(types, EventType::ALL.iter().copied().collect::<HashSet<_>>());
}
