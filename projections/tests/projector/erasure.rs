//! Erased persons in the read models, and how other processes learn of an erasure.

use std::sync::Arc;
use std::time::Duration;

use domain::{Event, EventId, object_keys};
use infra::database::Pool;
use infra::event_log::EventLog;
use infra::event_log::envelope::Envelope;
use ports::read_models::{AbandonedVideo, ReadModels};
use ports::verdicts::VerdictDesk;
use projections::read_models::PostgresReadModels;
use projections::store::postgres::PostgresStore;
use projections::{ErasureEpoch, Projector, notifications};
use tokio::sync::watch;
use uuid::Uuid;

use crate::projector::history::{email, erased, person, processed, registered, uploaded, video};
use crate::projector::memory_log::MemoryLog;

fn event_id(n: u128) -> EventId {
    EventId(Uuid::from_u128(n))
}

/// Appends the events with ids from `first` on, and folds them.
pub(crate) async fn fold(pool: &Pool, log: &Arc<MemoryLog>, first: u128, events: Vec<Event>) {
    let record = |(n, event)| Envelope::new(event_id(n), event).into_record().unwrap();
    for appended in log.append((first..).zip(events).map(record).collect()).await {
        appended.unwrap();
    }
    let store = PostgresStore::new(pool.session_options());
    Projector::new(log.clone(), store, None, watch::Sender::new(0)).catch_up().await.unwrap();
}

fn of_video(n: u128, event: domain::VideoEvent) -> Event {
    Event::Video(video(n), event)
}

#[tokio::test]
async fn an_erasure_orphans_originals_and_abandons_unpublished_videos() {
    let pool = test_services::database().await;
    let log = MemoryLog::new(3);
    let lookup = PostgresReadModels::new(pool.clone());
    // The first video of person 1 is published; so is that of person 2, who stays.
    let events = vec![
        registered(1),
        registered(2),
        of_video(1, uploaded(1)),
        of_video(1, processed(1)),
        of_video(2, uploaded(2)),
        of_video(2, processed(2)),
        of_video(9, uploaded(9)),
    ];
    fold(&pool, &log, 1, events).await;
    let mut keys: Vec<String> = ["originals/1.mp4", "originals/2.mp4"].map(str::to_owned).into();
    keys.extend([object_keys::processed(video(1)), object_keys::poster(video(1))]);
    // Only the second of them has an adaptive stream.
    let streams = [1, 2].map(|n| format!("hls/{}/480p.mp4", video(n)));
    keys.extend(streams.clone());
    let orphans = async || {
        let ends = log.end_offsets().await.unwrap();
        lookup.orphaned_keys(&keys, &ends).await.unwrap()
    };
    assert_eq!(orphans().await, [streams[0].clone()]);
    assert_eq!(lookup.abandoned_videos(10).await.unwrap(), []);

    fold(&pool, &log, 50, vec![erased(1)]).await;
    assert_eq!(orphans().await, ["originals/1.mp4", &streams[0]]);
    let waiting =
        AbandonedVideo { video: video(9), owner: person(1), owner_erased_by: event_id(50) };
    assert_eq!(lookup.abandoned_videos(10).await.unwrap(), [waiting]);
    assert_eq!(lookup.account_by_email(&email(1)).await.unwrap(), None);
    let facts = lookup.account(person(1)).await.unwrap().unwrap();
    assert_eq!((facts.registered_by, facts.erased_by), (event_id(1), Some(event_id(50))));
    assert_eq!(lookup.videos_of(person(1)).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_epoch_advances_on_an_erasure_and_after_a_lost_connection() {
    let pool = test_services::database().await;
    let log = MemoryLog::new(2);
    let erasure_epoch = ErasureEpoch::default();
    let lookup = Arc::new(PostgresReadModels::new(pool.clone()));
    let (desk, ranking_revision) = (VerdictDesk::new(8), watch::Sender::new(0));
    tokio::spawn(notifications::follow(
        pool.clone(),
        lookup,
        desk,
        ranking_revision,
        erasure_epoch.clone(),
    ));
    assert!(!erasure_epoch.is_followed());
    moved(&erasure_epoch, 0, "the start of listening").await;
    let listening = erasure_epoch.current();

    fold(&pool, &log, 1, vec![registered(1), registered(2)]).await;
    fold(&pool, &log, 50, vec![erased(1)]).await;
    moved(&erasure_epoch, listening, "an erasure").await;
    assert!(erasure_epoch.is_followed());
    assert_eq!(erasure_epoch.current(), listening + 1, "a registration does not advance it");

    let cut: Vec<bool> = sqlx::query_scalar(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and query ilike 'listen%'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(cut, [true]);
    moved(&erasure_epoch, listening + 1, "a new connection").await;
}

async fn moved(erasure_epoch: &ErasureEpoch, from: u64, what: &str) {
    let moves = async {
        while erasure_epoch.current() == from {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), moves).await.expect(what);
}
