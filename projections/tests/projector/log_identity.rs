//! A checkpoint belongs to one log: a log that was made again, cut or swapped is refused.

use std::sync::Arc;
use std::time::Duration;

use infra::database::Pool;
use infra::event_log::{EventLog, Record};
use ports::append_gate::{AppendGate, GateClosed};
use projections::checksum::checksums;
use projections::log_watch::LogWatch;
use projections::projector::ProjectorState;
use projections::rebuild::{RebuildError, RebuildOptions, rebuild};
use projections::{LogMismatch, ProjectionError};
use tokio_util::sync::CancellationToken;

use crate::projector::history;
use crate::projector::memory_log::MemoryLog;
use crate::projector::read_models::{filled, projector};

const SOON: Duration = Duration::from_secs(20);

/// Read models folded from a log of 400 records, and that log.
async fn folded(seed: u64) -> (Pool, Arc<MemoryLog>) {
    let pool = test_services::database().await;
    let log = filled(seed);
    projector(&pool, &log).catch_up().await.unwrap();
    (pool, log)
}

fn append(log: &MemoryLog, seed: u64, records: usize) {
    for record in history::records(seed, records) {
        log.push(record);
    }
}

fn mismatch(error: ProjectionError) -> LogMismatch {
    match error {
        ProjectionError::OtherLog(mismatch) => mismatch,
        other => panic!("{other}"),
    }
}

/// What the projector says to the log, and that it has folded nothing.
async fn refusal(pool: &Pool, log: &Arc<MemoryLog>) -> LogMismatch {
    let before = checksums(pool).await.unwrap();
    let refused = mismatch(projector(pool, log).catch_up().await.unwrap_err());
    assert_eq!(checksums(pool).await.unwrap(), before);
    // The gate of every other process closes, too.
    let gate = Arc::new(AppendGate::default());
    LogWatch::new(pool.clone(), log.clone(), Arc::clone(&gate)).check().await;
    let closed = gate.check(domain::EventType::VoteCast);
    assert!(matches!(closed, Err(GateClosed::OtherLog(_))), "{closed:?}");
    refused
}

#[tokio::test]
async fn a_log_that_was_made_again_is_refused_whatever_its_length() {
    for records in [0, 10, 2_000] {
        let (pool, log) = folded(20).await;
        let folded = log.identity().await.unwrap();
        log.make_again();
        append(&log, 21, records);
        let found = log.identity().await.unwrap();
        let refused = refusal(&pool, &log).await;
        assert_eq!(refused, LogMismatch::OtherLog { folded: folded.clone(), found: found.clone() });
        let sentence = refused.to_string();
        for part in [folded.as_str(), found.as_str(), "`anb rebuild --adopt-log`"] {
            assert!(sentence.contains(part), "{sentence}");
        }
    }
}

#[tokio::test]
async fn a_log_that_was_cut_below_the_checkpoint_is_refused_also_when_it_has_grown_again() {
    let (pool, log) = folded(22).await;
    log.cut(20);
    assert!(matches!(refusal(&pool, &log).await, LogMismatch::Cut { .. }));
    append(&log, 23, 2_000);
    assert!(matches!(refusal(&pool, &log).await, LogMismatch::OtherRecord { .. }));
}

#[tokio::test]
async fn another_log_is_folded_once_an_operator_adopts_it() {
    let (pool, log) = folded(36).await;
    log.make_again();
    append(&log, 37, 700);
    let refused = rebuild(&pool, log.clone(), RebuildOptions::default()).await;
    let Err(RebuildError::Projection(refused)) = refused else { panic!("{refused:?}") };
    assert!(matches!(mismatch(refused), LogMismatch::OtherLog { .. }));

    let options = RebuildOptions { adopt_log: true, ..RebuildOptions::default() };
    let rebuilt = rebuild(&pool, log.clone(), options).await.unwrap();
    assert_eq!(rebuilt.records, 700);
    append(&log, 38, 50);
    assert_eq!(projector(&pool, &log).catch_up().await.unwrap(), 50);
    let fresh = test_services::database().await;
    projector(&fresh, &log).catch_up().await.unwrap();
    assert_eq!(checksums(&pool).await.unwrap(), checksums(&fresh).await.unwrap());
    let gate = Arc::new(AppendGate::default());
    LogWatch::new(pool, log, Arc::clone(&gate)).check().await;
    assert_eq!(gate.log_problem(), None);
}

#[tokio::test]
async fn a_log_that_was_cut_above_the_checkpoint_is_folded_on() {
    let (pool, log) = folded(24).await;
    let folded = log.records().iter().map(Vec::len).max().unwrap();
    append(&log, 25, 600);
    log.cut(folded + 1);
    assert!(projector(&pool, &log).catch_up().await.unwrap() > 0);
}

#[tokio::test]
async fn a_partition_without_a_folded_record_is_refused_as_well() {
    let pool = test_services::database().await;
    let log = MemoryLog::new(3);
    let record = history::records(26, 1).remove(0);
    log.push(record);
    projector(&pool, &log).catch_up().await.unwrap();
    log.make_again();
    append(&log, 27, 50);
    // Another process owns the partition that was folded.
    let mut owner = projections::store::postgres::PostgresStore::new(pool.session_options());
    let folded: i32 = sqlx::query_scalar("select partition from checkpoints where next_offset > 0")
        .fetch_one(&pool)
        .await
        .unwrap();
    let owned = projections::store::Store::claim(&mut owner, &[folded as u32]).await.unwrap();
    assert_eq!(owned.owned.len(), 1);
    let refused = projector(&pool, &log).claim().await.unwrap_err();
    assert!(matches!(mismatch(refused), LogMismatch::OtherLog { .. }));
}

#[tokio::test]
async fn a_running_projector_stops_when_the_log_is_made_again() {
    let (pool, log) = folded(28).await;
    let projector = projector(&pool, &log);
    let mut state = projector.state();
    let running = tokio::spawn(projector.run(CancellationToken::new()));
    let runs = state.wait_for(|state| matches!(state, ProjectorState::Running { .. }));
    tokio::time::timeout(SOON, runs).await.unwrap().unwrap();
    let before = checksums(&pool).await.unwrap();
    log.make_again();
    let stopped = tokio::time::timeout(SOON, running).await.unwrap().unwrap();
    assert!(matches!(mismatch(stopped.unwrap_err()), LogMismatch::OtherLog { .. }));
    assert_eq!(checksums(&pool).await.unwrap(), before);
}

#[tokio::test]
async fn a_checkpoint_that_an_older_version_moved_is_taken_over() {
    let (pool, log) = folded(29).await;
    append(&log, 30, 60);
    // The older version knows no column but the offset.
    let ends: Vec<i64> = log.end_offsets().await.unwrap().iter().map(|end| *end as i64).collect();
    let moved = "update checkpoints set next_offset = $1[partition + 1]";
    sqlx::query(sqlx::AssertSqlSafe(moved.to_owned())).bind(&ends).execute(&pool).await.unwrap();
    append(&log, 31, 60);
    assert_eq!(projector(&pool, &log).catch_up().await.unwrap(), 60);
    let identified = "select bool_and(identified_offset = next_offset) from checkpoints";
    assert!(sqlx::query_scalar::<_, bool>(identified).fetch_one(&pool).await.unwrap());
}

/// A record of a version that this code does not know yet.
fn newer_record() -> Record {
    let mut record = history::records(32, 1).remove(0);
    for (name, value) in &mut record.headers {
        if name == "ce_schemaversion" {
            *value = "9".into();
        }
    }
    record
}

#[tokio::test]
async fn a_newer_event_holds_its_partition_and_the_others_go_on() {
    let (pool, log) = folded(33).await;
    let held = log.push(newer_record());
    append(&log, 34, 300);
    let ends = log.end_offsets().await.unwrap();
    let projector = projector(&pool, &log);
    let mut state = projector.state();
    tokio::spawn(projector.run(CancellationToken::new()));
    let holds = state.wait_for(
        |state| matches!(state, ProjectorState::Running { lag: 0, held } if !held.is_empty()),
    );
    let state = tokio::time::timeout(SOON, holds).await.unwrap().unwrap().clone();
    let ProjectorState::Running { held: partitions, .. } = state else { panic!() };
    assert_eq!(partitions[0].at, held);
    let shown = partitions[0].to_string();
    assert!(shown.contains("version 9 of `anb."), "{shown}");
    let rows: Vec<(i32, i64)> =
        sqlx::query_as("select partition, next_offset from checkpoints order by partition")
            .fetch_all(&pool)
            .await
            .unwrap();
    for (partition, offset) in rows {
        let partition = partition as u32;
        let end = if partition == held.partition { held.offset } else { ends[partition as usize] };
        assert_eq!(offset as u64, end, "partition {partition}");
    }
    let letters: i64 =
        sqlx::query_scalar("select count(*) from dead_letters").fetch_one(&pool).await.unwrap();
    assert_eq!(letters, 0);
    // A newer process can take the partition over at once.
    let mut newer = projections::store::postgres::PostgresStore::new(pool.session_options());
    let claimed = projections::store::Store::claim(&mut newer, &[held.partition]).await.unwrap();
    assert_eq!(claimed.owned.len(), 1);
}

#[tokio::test]
async fn an_event_that_a_running_projector_cannot_read_is_not_appended() {
    let (pool, log) = folded(35).await;
    let older = r#"{"anb.vote.cast": 1, "anb.video.processed": 1}"#;
    let announce = "insert into projector_announcements (process_id, announced_at, versions)
                    values (gen_random_uuid(), now() - $2 * interval '1 second', $1::jsonb)";
    sqlx::query(announce).bind(older).bind(0.0).execute(&pool).await.unwrap();
    let gate = Arc::new(AppendGate::default());
    let mut watch = LogWatch::new(pool.clone(), log.clone(), Arc::clone(&gate));
    watch.check().await;
    use domain::EventType::{VideoProcessed, VideoUploaded, VoteCast};
    assert_eq!(gate.check(VoteCast), Ok(()));
    for event_type in [VideoProcessed, VideoUploaded] {
        let closed = gate.check(event_type);
        assert!(matches!(closed, Err(GateClosed::Unreadable { .. })), "{closed:?}");
    }
    // It has ended.
    sqlx::query("delete from projector_announcements").execute(&pool).await.unwrap();
    sqlx::query(announce).bind(older).bind(60.0).execute(&pool).await.unwrap();
    watch.check().await;
    assert_eq!(gate.check(VideoProcessed), Ok(()));
}
