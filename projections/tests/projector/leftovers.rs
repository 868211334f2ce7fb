//! What no row of complete read models needs, and what the question costs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{AccountId, EventId};
use infra::database::Pool;
use infra::event_log::{EventLog, Record};
use ports::read_models::ReadModels;
use projections::read_models::PostgresReadModels;
use uuid::Uuid;

use crate::projector::erasure::fold;
use crate::projector::history::{email, erased, person, registered};
use crate::projector::memory_log::{MemoryLog, record};

const VIDEOS: i64 = 100_000;
const PAGE: i64 = 1_000;
/// The lookups take some 0.1 s. A comparison of 500 objects with every video took 144 s.
const BOUND: Duration = Duration::from_secs(2);

/// Adds processed videos with the ids 1 to `VIDEOS`.
async fn add_videos(pool: &Pool) {
    sqlx::query(
        "insert into videos (video_id, owner, title, original_key, content_type, bytes, sha256,
                             uploaded_at, uploaded_by, attempts, status, processed_key, poster_key,
                             hls_key)
         select id, gen_random_uuid(), 'Mi canción', 'originals/' || md5(n::text) || '.mp4',
                'video/mp4', 1, '', now(), gen_random_uuid(), 1, 'processed',
                'processed/' || id || '.mp4', 'posters/' || id || '.jpg',
                'hls/' || id || '/master.m3u8'
         from generate_series(1, $1) as n, lateral (select lpad(to_hex(n), 32, '0')::uuid as id) as v",
    )
    .bind(VIDEOS)
    .execute(pool)
    .await
    .unwrap();
}

/// `PAGE` keys of each kind: those of the videos, and as many that no video has.
async fn keys(pool: &Pool, originals: bool, orphans: bool) -> Vec<String> {
    let first = if orphans { VIDEOS + 1 } else { VIDEOS - PAGE + 1 };
    sqlx::query_scalar(
        "select case
             when $3 then 'originals/' || md5(n::text) || '.mp4'
             when n % 3 = 0 then 'processed/' || id || '.mp4'
             when n % 3 = 1 then 'posters/' || id || '.jpg'
             else 'hls/' || id || '/480p.mp4' end
         from generate_series($1::bigint, $1 + $2 - 1) as n,
              lateral (select lpad(to_hex(n), 32, '0')::uuid as id) as v",
    )
    .bind(first)
    .bind(PAGE)
    .bind(originals)
    .fetch_all(pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_page_of_objects_costs_lookups_and_no_comparison_with_every_video() {
    let pool = test_services::database().await;
    add_videos(&pool).await;
    let lookup = PostgresReadModels::new(pool.clone());
    for originals in [false, true] {
        let needed = keys(&pool, originals, false).await;
        let orphans = keys(&pool, originals, true).await;
        let started = Instant::now();
        assert_eq!(lookup.orphaned_keys(&needed, &[0]).await.unwrap(), Vec::<String>::new());
        let mut found = lookup.orphaned_keys(&orphans, &[0]).await.unwrap();
        let elapsed = started.elapsed();
        eprintln!("{PAGE} + {PAGE} keys, {VIDEOS} videos, originals {originals}: {elapsed:?}");
        found.sort_unstable();
        let mut expected = orphans;
        expected.sort_unstable();
        assert_eq!(found, expected);
        assert!(elapsed < BOUND, "{elapsed:?}");
    }
}

fn event_id(n: u128) -> EventId {
    EventId(Uuid::from_u128(n))
}

#[tokio::test]
async fn a_registration_is_missing_only_in_complete_read_models() {
    let pool = test_services::database().await;
    let log = MemoryLog::new(3);
    let lookup = PostgresReadModels::new(pool.clone());
    fold(&pool, &log, 1, vec![registered(1), registered(2)]).await;
    fold(&pool, &log, 50, vec![erased(1)]).await;
    let candidates = [(person(1), event_id(1)), (person(2), event_id(2)), (person(3), event_id(3))];
    let missing = async |ends: &[u64]| lookup.unregistered(&candidates, ends).await.unwrap();

    let ends = log.end_offsets().await.unwrap();
    assert_eq!(missing(&ends).await, [person(3)], "an erased account is known");
    for partition in 0..3 {
        let mut ahead = ends.clone();
        ahead[partition] += 1;
        assert_eq!(
            missing(&ahead).await,
            Vec::<AccountId>::new(),
            "partition {partition} is behind"
        );
    }
    assert_eq!(missing(&ends[..2]).await, Vec::<AccountId>::new(), "the log has fewer partitions");

    push_unreadable(&log, event_id(3));
    fold(&pool, &log, 60, vec![]).await;
    let ends = log.end_offsets().await.unwrap();
    assert_eq!(missing(&ends).await, Vec::<AccountId>::new(), "it is a dead letter");
}

/// Appends a registration that this version cannot decode.
fn push_unreadable(log: &Arc<MemoryLog>, id: EventId) {
    let mut new =
        infra::event_log::envelope::Envelope::new(id, registered(3)).into_record().unwrap();
    new.key = format!("account-{}", email(3).as_str());
    new.value = "{".into();
    let unreadable: Record = record(new, chrono::Utc::now());
    log.push(unreadable);
}
