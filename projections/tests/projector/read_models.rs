//! The tables equal the fold, whatever the size of batches.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::contest::WorkingSetKeys;
use domain::fold::{fold, working_set_keys};
use domain::{
    AccountId, Changes, Contest, Event, EventId, EventType, Recorded, Timestamp, ranking,
};
use infra::database::Pool;
use infra::event_log::envelope::Envelope;
use infra::event_log::{EventLog, Record};
use projections::checksum::checksums;
use projections::projector::ProjectorState;
use projections::store::Store;
use projections::store::postgres::PostgresStore;
use projections::{ProjectionError, Projector};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::projector::history;
use crate::projector::memory_log::{MemoryLog, record};

pub(crate) const PARTITIONS: u32 = 3;

pub(crate) fn filled(seed: u64) -> Arc<MemoryLog> {
    let log = MemoryLog::new(PARTITIONS);
    for record in history::records(seed, 400) {
        log.push(record);
    }
    log
}

pub(crate) fn projector(pool: &Pool, log: &Arc<MemoryLog>) -> Projector<PostgresStore> {
    let store = PostgresStore::new(pool.session_options());
    Projector::new(log.clone(), store, None, watch::Sender::new(0))
}

fn events(log: &MemoryLog) -> Vec<Recorded> {
    let records = log.records();
    records.iter().flatten().map(|record| record.open(PARTITIONS).expect("an event")).collect()
}

/// The same contest, folded in memory.
fn naive(log: &MemoryLog) -> (Contest, WorkingSetKeys) {
    let mut contest = Contest::default();
    let records = events(log);
    for record in &records {
        fold(&mut contest, &mut Changes::default(), record);
    }
    (contest, working_set_keys(&records))
}

#[tokio::test]
async fn the_tables_equal_the_fold_for_any_batch_size() {
    let mut types = HashSet::new();
    for (seed, max_batch) in [(1, 1), (2, 7), (3, 64), (4, 4096)] {
        let pool = test_services::database().await;
        let log = filled(seed);
        let folded = projector(&pool, &log).with_max_batch(max_batch).catch_up().await.unwrap();
        assert_eq!(folded, 400);

        let (expected, keys) = naive(&log);
        assert!(
            expected.votes.len() > 5 && expected.rejections.len() > 5,
            "the history has too few votes or rejections"
        );
        let mut store = PostgresStore::new(pool.session_options());
        assert_eq!(store.load(&keys).await.unwrap(), expected, "seed {seed}");
        assert_eq!(ranking_rows(&pool).await, ranking_of(&expected), "seed {seed}");
        assert_eq!(jobs(&pool).await, open_videos(&expected), "seed {seed}");
        types.extend(events(&log).iter().map(|record| record.event.event_type()));
    }
    assert_eq!(types, EventType::ALL.iter().copied().collect(), "event types in the histories");
}

async fn ranking_rows(pool: &Pool) -> Vec<(Uuid, i64, Timestamp)> {
    sqlx::query_as(
        "select artist_id, votes, reached_at from ranking where votes is not null
         order by votes desc, reached_at, artist_id",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

fn ranking_of(contest: &Contest) -> Vec<(Uuid, i64, Timestamp)> {
    let row = |s: &ranking::Standing| (s.artist.0, i64::try_from(s.votes).unwrap(), s.reached_at);
    ranking::recount(contest).iter().map(row).collect()
}

async fn jobs(pool: &Pool) -> HashMap<Uuid, AccountId> {
    let rows: Vec<(Uuid, Uuid)> =
        sqlx::query_as("select video_id, owner from transcode_jobs").fetch_all(pool).await.unwrap();
    rows.into_iter().map(|(video, owner)| (video, AccountId(owner))).collect()
}

fn open_videos(contest: &Contest) -> HashMap<Uuid, AccountId> {
    let open = contest.videos.iter().filter(|(_, v)| v.state.status().awaits_processing());
    open.map(|(id, video)| (id.0, video.owner)).collect()
}

#[tokio::test]
async fn a_record_that_cannot_be_decoded_becomes_a_dead_letter() {
    let pool = test_services::database().await;
    let log = filled(6);
    let poison = poison(&log);
    for record in history::records(7, 50) {
        log.push(record);
    }
    projector(&pool, &log).catch_up().await.unwrap();

    let letters: Vec<(i32, i64, String)> = sqlx::query_as(
        r#"select partition, "offset", reason from dead_letters order by partition, "offset""#,
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(letters.len(), poison);
    let sum: i64 = sqlx::query_scalar("select sum(next_offset)::bigint from checkpoints")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(sum as usize, 450 + poison, "the projection went on after the dead letters");
}

fn set_header(record: &mut Record, name: &str, value: &str) {
    record.headers.retain(|(known, _)| known != name);
    record.headers.push((name.to_owned(), value.to_owned().into()));
}

/// Appends one record for each way in which a record can be invalid. Returns their number.
pub(crate) fn poison(log: &MemoryLog) -> usize {
    let good = history::records(8, 1).remove(0);
    let with = |change: fn(&mut Record)| {
        let mut record = good.clone();
        change(&mut record);
        log.push(record);
    };
    let changes: [fn(&mut Record); 11] = [
        |r| r.key = None,
        |r| r.key = Some("nobody-knows".into()),
        |r| r.key = Some(vec![0xff, 0x00].into()),
        |r| r.value = None,
        |r| r.value = Some("{\"account_id\":".into()),
        |r| r.value = Some("[]".into()),
        |r| r.headers.clear(),
        |r| r.headers.iter_mut().for_each(|(_, value)| *value = vec![0xff, 0x00].into()),
        |r| {
            r.headers.retain(|(name, _)| name != "ce_type");
            r.headers.push(("ce_type".to_owned(), "com.example.unknown".into()));
        },
        |r| set_header(r, "ce_schemaversion", "0"),
        // Postgres cannot store NUL.
        |r| {
            let event = Event::Video(history::video(1), history::uploaded(1));
            let envelope = Envelope::new(EventId(Uuid::from_u128(99)), event);
            *r = record(envelope.into_record().unwrap(), r.at);
            let text = String::from_utf8(r.value.as_ref().unwrap().to_vec()).unwrap();
            r.value = Some(text.replace("Video 1", "Video\\u0000").into());
        },
    ];
    changes.map(with).len()
}

#[tokio::test]
async fn an_invalid_row_stops_the_projection() {
    let pool = test_services::database().await;
    let log = filled(9);
    projector(&pool, &log).catch_up().await.unwrap();
    sqlx::query("update rejections set reason = 'because'").execute(&pool).await.unwrap();
    let before = checksums(&pool).await.unwrap();

    for record in history::records(9, 400) {
        log.push(record); // Duplicates: the rejections are loaded again.
    }
    let projector = projector(&pool, &log);
    let state = projector.state();
    let stopped = projector.run(CancellationToken::new()).await;
    assert!(matches!(stopped, Err(ProjectionError::Store(_))), "{stopped:?}");
    assert!(matches!(*state.borrow(), ProjectorState::Stopped(_)), "{:?}", *state.borrow());
    assert_eq!(checksums(&pool).await.unwrap(), before, "nothing was committed or skipped");
    assert_eq!(log.end_offsets().await.unwrap().iter().sum::<u64>(), 800);
}

#[tokio::test]
async fn a_gap_in_the_log_stops_the_projection() {
    let pool = test_services::database().await;
    let log = filled(10);
    projector(&pool, &log).catch_up().await.unwrap();
    let before = checksums(&pool).await.unwrap();

    let again = history::records(11, 400).into_iter().map(|record| log.push(record));
    let lost = again.collect::<Vec<_>>()[200];
    log.lose(lost);
    // One batch, so that the records before the gap are not committed either.
    let projector = projector(&pool, &log).with_max_batch(1_000);
    let state = projector.state();
    let stopped = projector.run(CancellationToken::new()).await;
    let gap = ProjectionError::Gap { next: lost, found: lost.offset + 1 };
    assert_eq!(stopped.unwrap_err().to_string(), gap.to_string());
    assert!(matches!(*state.borrow(), ProjectorState::Stopped(_)), "{:?}", *state.borrow());
    assert_eq!(checksums(&pool).await.unwrap(), before, "nothing was committed or skipped");
}
