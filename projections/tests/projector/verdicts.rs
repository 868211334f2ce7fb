//! Verdicts reach their commands, in the process of the projector and in others.

use std::sync::Arc;
use std::time::Duration;

use domain::event::VoteCast;
use domain::{Event, EventId, Rejection, Verdict, VideoEvent};
use infra::database::Pool;
use infra::event_log::EventLog;
use infra::event_log::envelope::Envelope;
use ports::verdicts::{EventSubmitter, SubmitOutcome, VerdictDesk, VerdictLookup};
use projections::notifications;
use projections::read_models::PostgresReadModels;
use projections::store::postgres::PostgresStore;
use projections::{ErasureEpoch, Projector};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::projector::history;
use crate::projector::memory_log::MemoryLog;

const SOON: Duration = Duration::from_secs(20);

/// A voter votes thirty times for one published video. The first vote counts.
async fn thirty_votes(log: Arc<dyn EventLog>, desk: Arc<VerdictDesk>) {
    let submitter = EventSubmitter::new(log, desk);
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
