//! A batch that moves more checkpoints than one notification can carry.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use domain::event::{Processed, Uploaded, VoteCast};
use domain::{Event, EventId, VideoEvent, VideoId};
use infra::event_log::envelope::Envelope;
use infra::event_log::partition::partition_of;
use ports::verdicts::VerdictLookup;
use projections::Projector;
use projections::read_models::PostgresReadModels;
use projections::store::postgres::PostgresStore;
use sqlx::postgres::PgListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::projector::history;
use crate::projector::memory_log::{MemoryLog, record};

const PARTITIONS: u32 = 1_024;
const TIMEOUT: Duration = Duration::from_secs(30);

/// A video in each partition.
fn videos() -> Vec<VideoId> {
    let mut found = BTreeMap::new();
    let candidates = (0..).map(|n| VideoId(Uuid::from_u128(0xb000 + n)));
    for video in candidates {
        let key = format!("video-{}", video.0);
        found.entry(partition_of(key.as_bytes(), PARTITIONS)).or_insert(video);
        if found.len() == PARTITIONS as usize {
            break;
        }
    }
    found.into_values().collect()
}

fn push(log: &MemoryLog, id: u128, event: Event) {
    let envelope = Envelope::new(EventId(Uuid::from_u128(id)), event);
    let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    log.push(record(envelope.into_record().unwrap(), at));
}

/// The history of one video in each partition: uploaded, processed, voted for.
fn fill(log: &MemoryLog) {
    for (n, video) in (0..).zip(videos()) {
        let VideoEvent::Uploaded(uploaded) = history::uploaded(0) else { unreachable!() };
        let VideoEvent::Processed(processed) = history::processed(0) else { unreachable!() };
        let events = [
            VideoEvent::Uploaded(Uploaded { video_id: video, ..uploaded }),
            VideoEvent::Processed(Processed { hls_key: None, ..processed }),
            VideoEvent::VoteCast(VoteCast { voter: history::person(5) }),
        ];
        for (step, event) in (1..).zip(events) {
            push(log, n * 10 + step, Event::Video(video, event));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_batch_moves_a_thousand_partitions() {
    let pool = test_services::database().await;
    let log = MemoryLog::new(PARTITIONS);
    push(&log, u128::MAX, history::registered(0));
    fill(&log);
    let mut listener = PgListener::connect_with(pool.unbounded()).await.unwrap();
    listener.listen("anb_projection").await.unwrap();

    let stop = CancellationToken::new();
    let store = PostgresStore::new(pool.session_options());
    let projector = Projector::new(log.clone(), store, None, watch::Sender::new(0));
    let running = tokio::spawn(projector.run(stop.clone()));

    let ends: BTreeMap<u32, u64> =
        (0..).zip(log.records()).map(|(partition, all)| (partition, all.len() as u64)).collect();
    let announced = tokio::time::timeout(TIMEOUT, announced(&mut listener, &ends)).await;
    assert_eq!(announced.expect("every checkpoint is announced"), ends);
    let lookup: Arc<dyn VerdictLookup> = Arc::new(PostgresReadModels::new(pool.clone()));
    let checkpoints = lookup.checkpoints().await.unwrap();
    assert_eq!(
        checkpoints.into_iter().map(|at| (at.partition, at.offset)).collect::<BTreeMap<_, _>>(),
        ends
    );
    let votes: i64 =
        sqlx::query_scalar("select sum(votes)::bigint from videos").fetch_one(&pool).await.unwrap();
    assert_eq!(votes, i64::from(PARTITIONS));
    stop.cancel();
    running.await.unwrap().unwrap();
}

/// The checkpoints that notifications have announced, once they have reached `ends`.
async fn announced(listener: &mut PgListener, ends: &BTreeMap<u32, u64>) -> BTreeMap<u32, u64> {
    let mut announced = BTreeMap::new();
    while announced != *ends {
        let notification = listener.recv().await.unwrap();
        let commit: serde_json::Value = serde_json::from_str(notification.payload()).unwrap();
        for checkpoint in commit["checkpoints"].as_array().unwrap() {
            let partition = checkpoint["partition"].as_u64().unwrap() as u32;
            announced.insert(partition, checkpoint["offset"].as_u64().unwrap());
        }
    }
    announced
}
