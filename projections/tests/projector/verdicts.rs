//! Verdicts reach their commands, in the process of the projector and in others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::event::{Registered, VoteCast};
use domain::fold::fold;
use domain::{
    AccountEvent, Changes, Contest, Event, EventId, Position, Rejection, Verdict, VideoEvent,
};
use infra::database::Pool;
use infra::event_log::envelope::Envelope;
use infra::event_log::{AppendError, EventLog};
use ports::verdicts::{
    AwaitedEvent, EffectRow, EventSubmitter, FoldedEvent, SubmitOutcome, VerdictDesk, VerdictLookup,
};
use projections::notifications;
use projections::read_models::PostgresReadModels;
use projections::store::postgres::PostgresStore;
use projections::{ErasureEpoch, Projector};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::projector::history;
use crate::projector::memory_log::MemoryLog;
use crate::projector::read_models::{PARTITIONS, filled, projector};

const SOON: Duration = Duration::from_secs(20);

/// A voter votes thirty times for one published video. The first vote counts.
async fn thirty_votes(log: Arc<dyn EventLog>, desk: Arc<VerdictDesk>) {
    let submitter = EventSubmitter::new(log, desk, Arc::default());
    let submit = |n: u128, event: Event| {
        let envelope = Envelope::new(EventId(Uuid::from_u128(n)), event);
        let submitter = submitter.clone();
        async move { submitter.submit(envelope, SOON).await.unwrap() }
    };
    let video = |event| Event::Video(history::video(1), event);
    submit(1, history::registered(1)).await;
    submit(2, video(history::uploaded(1))).await;
    submit(3, video(history::processed(1))).await;
    let voter = history::person(5);
    let votes = (100..130).map(|n| submit(n, video(VideoEvent::VoteCast(VoteCast { voter }))));
    let mut verdicts: Vec<Verdict> = futures_util::future::join_all(votes)
        .await
        .into_iter()
        .map(|decision| match decision {
            SubmitOutcome::Decided { verdict, .. } => verdict,
            SubmitOutcome::Pending { position } => panic!("no verdict for {position}"),
        })
        .collect();
    let counted = Verdict::Accepted { total_votes: Some(1) };
    verdicts.retain(|verdict| *verdict != counted);
    assert_eq!(verdicts, [Verdict::Rejected(Rejection::AlreadyVoted); 29]);
}

/// Nothing is accepted from absence: every accepted event has a row that carries its id, every rejected one
/// its rejection, and an event that neither has is missing.
#[tokio::test]
async fn the_rows_say_what_the_fold_said_about_every_event() {
    for seed in [40, 41, 42] {
        let pool = test_services::database().await;
        let log = filled(seed);
        projector(&pool, &log).catch_up().await.unwrap();
        let mut contest = Contest::default();
        let (mut awaited, mut decided) = (Vec::new(), HashMap::new());
        for record in log.records().iter().flatten() {
            let recorded = record.open(PARTITIONS).unwrap();
            let outcome = fold(&mut contest, &mut Changes::default(), &recorded);
            let Some(effect) = EffectRow::of(&recorded.event) else { continue };
            awaited.push((record.position, AwaitedEvent { event_id: recorded.event_id, effect }));
            decided.insert(recorded.event_id, (outcome.verdict().unwrap(), effect));
        }
        let lookup = PostgresReadModels::new(pool.clone());
        let folded = lookup.verdicts(&awaited).await.unwrap();
        assert_eq!(folded.len(), decided.len());
        for (event, (verdict, effect)) in &decided {
            let verdict = match (verdict, effect) {
                (Verdict::Accepted { .. }, EffectRow::Vote(video, _)) => {
                    let total_votes = Some(contest.videos[video].votes);
                    Verdict::Accepted { total_votes }
                }
                _ => *verdict,
            };
            assert_eq!(folded[event], FoldedEvent::Decided(verdict), "{event} {effect:?}");
        }
        let strangers: Vec<_> = awaited
            .iter()
            .map(|(at, awaited)| (*at, AwaitedEvent { event_id: stranger(awaited), ..*awaited }))
            .collect();
        let folded = lookup.verdicts(&strangers).await.unwrap();
        assert!(folded.len() > 100 && folded.values().all(|it| *it == FoldedEvent::Missing));
        let later = Position { offset: 1_000_000, ..awaited[0].0 };
        let unfolded = lookup.verdicts(&[(later, awaited[0].1)]).await.unwrap();
        assert!(unfolded.is_empty(), "it is not folded yet");
    }
}

/// An event that was never appended, for the same row.
fn stranger(awaited: &AwaitedEvent) -> EventId {
    EventId(Uuid::new_v5(&Uuid::NAMESPACE_OID, awaited.event_id.0.as_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_record_is_unreadable_is_not_called_accepted() {
    let pool = test_services::database().await;
    let (log, desk) = (MemoryLog::new(1), VerdictDesk::new(100));
    run_projector(&pool, &log, Some(desk.clone()));
    let lookup: Arc<dyn VerdictLookup> = Arc::new(PostgresReadModels::new(pool.clone()));
    let serving = desk.clone();
    tokio::spawn(async move { serving.run_lookups(lookup, Duration::ZERO).await });
    let submitter = EventSubmitter::new(log, desk, Arc::default());
    let Event::Account(email, event) = history::registered(1) else { panic!() };
    let AccountEvent::Registered(registered) = event else { panic!() };
    let with_nul = Registered { city: "Bogot\0".to_owned(), ..registered };
    let event = Event::Account(email, AccountEvent::Registered(with_nul));
    let submitted = submitter.submit(Envelope::new(EventId(Uuid::from_u128(1)), event), SOON).await;
    assert!(matches!(submitted, Err(AppendError::Unknown(_))), "{submitted:?}");
}

fn run_projector(pool: &Pool, log: &Arc<MemoryLog>, desk: Option<Arc<VerdictDesk>>) {
    let store = PostgresStore::new(pool.session_options());
    let projector = Projector::new(log.clone(), store, desk, watch::Sender::new(0));
    tokio::spawn(projector.run(CancellationToken::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_come_from_the_fold_in_the_same_process() {
    let pool = test_services::database().await;
    let (log, desk) = (MemoryLog::new(2), VerdictDesk::new(100));
    run_projector(&pool, &log, Some(desk.clone()));
    thirty_votes(log, desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_come_from_the_rows_in_another_process() {
    let pool = test_services::database().await;
    let (log, desk) = (MemoryLog::new(2), VerdictDesk::new(100));
    let lookup: Arc<dyn VerdictLookup> = Arc::new(PostgresReadModels::new(pool.clone()));
    run_projector(&pool, &log, None);
    let ranking_revision = watch::Sender::new(0);
    let mut seen = ranking_revision.subscribe();
    let erasure_epoch = ErasureEpoch::default();
    tokio::spawn(notifications::follow(
        pool.clone(),
        lookup.clone(),
        desk.clone(),
        ranking_revision,
        erasure_epoch,
    ));
    let serving = desk.clone();
    tokio::spawn(async move { serving.run_lookups(lookup, Duration::ZERO).await });
    thirty_votes(log, desk).await;
    // A new owner skips a million revisions; the votes add more.
    let moved = seen.wait_for(|ranking_revision| *ranking_revision > 1 << 20);
    let arrived = tokio::time::timeout(SOON, moved).await;
    arrived.expect("the ranking_revision moved").unwrap();
}
