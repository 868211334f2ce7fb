//! Rebuilds: the next generation is built, compared with the live one, and made live.

use std::sync::Arc;
use std::time::Duration;

use infra::database::Pool;
use projections::checksum::{Checksums, checksums};
use projections::generations;
use projections::rebuild::{
    RebuildError, RebuildOptions, Rebuilt, discard, rebuild, rebuild_when_outdated, switch_back,
};
use projections::store::Store;
use projections::store::postgres::PostgresStore;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::projector::history;
use crate::projector::memory_log::MemoryLog;
use crate::projector::read_models::{PARTITIONS, filled, poison, projector};

const SOON: Duration = Duration::from_secs(30);

/// A folded contest, in batches of an odd size.
async fn folded(seed: u64) -> (Pool, Arc<MemoryLog>, Checksums) {
    let (pool, log) = (test_services::database().await, filled(seed));
    projector(&pool, &log).with_max_batch(11).catch_up().await.unwrap();
    let live = checksums(&pool).await.unwrap();
    assert!(live["votes"].rows > 0 && live["ranking"].rows > 0, "{live:?}");
    (pool, log, live)
}

async fn rebuild_again(pool: &Pool, log: &Arc<MemoryLog>) -> Result<Rebuilt, RebuildError> {
    rebuild(pool, log.clone(), RebuildOptions::default()).await
}

/// Starts a rebuild, and aborts it after it has folded `records`.
async fn killed_at(pool: &Pool, log: &Arc<MemoryLog>, records: u64) {
    let progress = watch::Sender::default();
    let mut seen = progress.subscribe();
    let options = RebuildOptions { max_batch: 10, progress, ..RebuildOptions::default() };
    let (of, by) = (pool.clone(), log.clone());
    let running = tokio::spawn(async move { rebuild(&of, by, options).await });
    seen.wait_for(|progress| progress.folded >= records).await.unwrap();
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
}

async fn live_number(pool: &Pool) -> i64 {
    generations::live(pool).await.unwrap().number
}

#[tokio::test]
async fn a_rebuild_has_the_same_checksums_and_keeps_the_old_generation() {
    let (pool, log, live) = folded(5).await;
    let rebuilt = rebuild_again(&pool, &log).await.unwrap();
    assert_eq!((rebuilt.generation, rebuilt.retired, rebuilt.records), (2, 1, 400));
    assert_eq!((rebuilt.differences, rebuilt.resumed), (vec![], false));
    assert_eq!(rebuilt.checksums, live);
    assert_eq!(checksums(&pool).await.unwrap(), live);
    assert_eq!(live_number(&pool).await, 2);

    sqlx::query(
        "update votes set voter = gen_random_uuid() where ctid = (select min(ctid) from votes)",
    )
    .execute(&pool)
    .await
    .unwrap();
    assert_ne!(checksums(&pool).await.unwrap(), live, "the checksum missed a change");
    assert_eq!(discard(&pool).await.unwrap(), [1]);
    let left = "select count(*) from pg_namespace where nspname like 'generation%'";
    assert_eq!(sqlx::query_scalar::<_, i64>(left).fetch_one(&pool).await.unwrap(), 0);
}

/// Later migrations refer to tables, indexes and constraints by name.
#[tokio::test]
async fn a_rebuild_keeps_the_names_and_shapes_of_all_tables() {
    let (pool, log, _) = folded(5).await;
    let shape = async || -> Vec<String> {
        let sql = "select tablename || indexdef from pg_indexes where schemaname = 'public'
                   union all
                   select conrelid::regclass || conname || pg_get_constraintdef(oid)
                   from pg_constraint where connamespace = 'public'::regnamespace
                   union all
                   select concat_ws(' ', relname, relkind, relpersistence, reloptions)
                   from pg_class where relnamespace = 'public'::regnamespace
                   union all
                   select concat_ws(' ', attrelid::regclass, attnum, attname, atttypid, attnotnull,
                                    attstorage, pg_get_expr(adbin, adrelid))
                   from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
                   where attnum > 0 and attrelid in
                       (select oid from pg_class where relnamespace = 'public'::regnamespace)
                   union all
                   select definition from pg_views where schemaname = 'public'
                   order by 1";
        sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap()
    };
    let before = shape().await;
    rebuild_again(&pool, &log).await.unwrap();
    assert_eq!(shape().await, before);
    rebuild_again(&pool, &log).await.unwrap();
    assert_eq!(shape().await, before, "and a copy of the copy");
}

#[tokio::test]
async fn an_empty_log_one_event_and_dead_letters_are_rebuilt() {
    let pool = test_services::database().await;
    let empty = MemoryLog::new(PARTITIONS);
    assert_eq!(rebuild_again(&pool, &empty).await.unwrap().records, 0, "no projector has ever run");
    projector(&pool, &empty).catch_up().await.unwrap();
    assert_eq!(rebuild_again(&pool, &empty).await.unwrap().records, 0);

    let log = empty;
    log.push(history::records(3, 1).remove(0));
    projector(&pool, &log).catch_up().await.unwrap();
    assert_eq!(rebuild_again(&pool, &log).await.unwrap().records, 1);

    let poison = poison(&log) as u64;
    projector(&pool, &log).catch_up().await.unwrap();
    let rebuilt = rebuild_again(&pool, &log).await.unwrap();
    assert_eq!(rebuilt.records, 1 + poison);
    assert_eq!(rebuilt.checksums["dead_letters"].rows, poison);
}

#[tokio::test]
async fn a_different_generation_becomes_live_only_if_accepted() {
    let (pool, log, live) = folded(6).await;
    sqlx::query("delete from votes where event_id = (select min(event_id::text)::uuid from votes)")
        .execute(&pool)
        .await
        .unwrap();
    let refused = rebuild_again(&pool, &log).await.unwrap_err();
    let RebuildError::Different(differences) = &refused else { panic!("{refused}") };
    assert_eq!(refused.to_string(), "the next generation differs from the live one in votes");
    let [difference] = differences.as_slice() else { panic!("{differences:?}") };
    assert_eq!(difference.live.rows + 1, difference.next.rows);
    let [row] = difference.rows.as_slice() else { panic!("{difference}") };
    assert!(!row.live && row.row.contains("0000b00"), "the vote itself: {difference}");
    assert_eq!(live_number(&pool).await, 1);

    let accepting = RebuildOptions { accept_differences: true, ..RebuildOptions::default() };
    let rebuilt = rebuild(&pool, log, accepting).await.unwrap();
    assert!(rebuilt.resumed && rebuilt.records == 0, "nothing is folded twice");
    assert_eq!(&rebuilt.differences, differences);
    assert_eq!(checksums(&pool).await.unwrap(), live);
}

#[tokio::test]
async fn an_aborted_rebuild_is_continued() {
    let (pool, log, live) = folded(7).await;
    killed_at(&pool, &log, 150).await;
    assert_eq!(checksums(&pool).await.unwrap(), live, "the live generation is unchanged");
    let rebuilt = rebuild_again(&pool, &log).await.unwrap();
    assert!(rebuilt.resumed);
    assert!((1..=250).contains(&rebuilt.records), "{} records again", rebuilt.records);
    assert_eq!((rebuilt.generation, rebuilt.checksums), (2, live));
}

#[tokio::test]
async fn a_rebuild_from_before_a_migration_is_started_over() {
    let (pool, log, live) = folded(8).await;
    killed_at(&pool, &log, 150).await;
    migrate(&pool).await;
    let rebuilt = rebuild_again(&pool, &log).await.unwrap();
    assert_eq!((rebuilt.resumed, rebuilt.records, rebuilt.generation), (false, 400, 3));
    assert_eq!(rebuilt.checksums, live);

    migrate(&pool).await;
    let back = switch_back(&pool, log, RebuildOptions::default()).await.unwrap_err();
    assert!(matches!(back, RebuildError::NothingRetired), "{back:?}");
}

/// Adds a row to the list of migrations.
async fn migrate(pool: &Pool) {
    sqlx::query(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         select max(version) + 1, 'one more', true, '', 0 from _sqlx_migrations",
    )
    .execute(pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn a_second_rebuild_at_the_same_time_is_refused() {
    let (pool, log, _) = folded(9).await;
    killed_at(&pool, &log, 150).await;
    let mut other = pool.acquire().await.unwrap();
    sqlx::query("select pg_advisory_lock($1, 0)")
        .bind(0x616e_6272_i32)
        .execute(&mut *other)
        .await
        .unwrap();
    let refused = rebuild_again(&pool, &log).await.unwrap_err().to_string();
    assert!(refused.starts_with("another rebuild is running: it has folded "), "{refused}");
    assert!(matches!(discard(&pool).await, Err(RebuildError::Running(_))));
}

#[tokio::test]
async fn a_retired_generation_catches_up_when_it_is_made_live_again() {
    let (pool, log, _) = folded(10).await;
    rebuild_again(&pool, &log).await.unwrap();
    for record in history::records(11, 200) {
        log.push(record);
    }
    projector(&pool, &log).catch_up().await.unwrap();
    let live = checksums(&pool).await.unwrap();

    let back = switch_back(&pool, log.clone(), RebuildOptions::default()).await.unwrap();
    assert_eq!((back.generation, back.retired, back.records), (1, 2, 200));
    assert_eq!(checksums(&pool).await.unwrap(), live);
    let forth = switch_back(&pool, log, RebuildOptions::default()).await.unwrap();
    assert_eq!((forth.generation, forth.records), (2, 0));
    discard(&pool).await.unwrap();
}

/// Meanwhile a projector folds new records, and readers use connections with prepared statements.
#[tokio::test(flavor = "multi_thread")]
async fn readers_and_projectors_go_on_during_a_rebuild() {
    let (pool, log, _) = folded(12).await;
    let stop = CancellationToken::new();
    let projecting = tokio::spawn(projector(&pool, &log).run(stop.clone()));
    let reading = tokio::spawn(read_until(pool.clone(), stop.clone()));
    let more: Vec<_> = history::records(13, 600);
    let writer = {
        let log = log.clone();
        tokio::spawn(async move {
            for record in more {
                log.push(record);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
    };
    let options = || RebuildOptions { max_batch: 50, ..RebuildOptions::default() };
    let rebuilt = rebuild(&pool, log.clone(), options()).await.unwrap();
    assert_eq!(rebuilt.differences, []);
    switch_back(&pool, log.clone(), options()).await.unwrap();
    writer.await.unwrap();
    caught_up(&pool, 1_000).await;
    stop.cancel();
    projecting.await.unwrap().unwrap();
    assert!(reading.await.unwrap() > 100, "too few reads");

    let live = checksums(&pool).await.unwrap();
    let rebuilt = rebuild_again(&pool, &log).await.unwrap();
    assert_eq!((rebuilt.checksums, rebuilt.records), (live, 1_000));
}

async fn read_until(pool: Pool, stop: CancellationToken) -> usize {
    let mut reads = 0;
    while !stop.is_cancelled() {
        for sql in [
            "select count(*) from votes join videos using (video_id)",
            "select count(*) from ranking left join visible_persons on account_id = artist_id",
            "select count(*) from accounts where exists (select from checkpoints)",
        ] {
            sqlx::query_scalar::<_, i64>(sql).fetch_one(&pool).await.unwrap();
            reads += 1;
        }
    }
    reads
}

async fn caught_up(pool: &Pool, records: i64) {
    let caught_up = async {
        let sql = "select coalesce(sum(next_offset), 0)::bigint from checkpoints";
        while sqlx::query_scalar::<_, i64>(sql).fetch_one(pool).await.unwrap() < records {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, caught_up).await.expect("the projector goes on");
}

#[tokio::test]
async fn a_newer_version_of_the_fold_rebuilds_automatically() {
    let (pool, log, live) = folded(14).await;
    made_by_version(&pool, 0).await;
    let keeper = tokio::spawn(rebuild_when_outdated(pool.clone(), log));
    let renewed = async {
        while live_number(&pool).await == 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, renewed).await.expect("a new generation");
    keeper.abort();
    assert_eq!(checksums(&pool).await.unwrap(), live);
    let version = generations::live(&pool).await.unwrap().fold_version;
    assert_eq!(version, domain::fold::VERSION);
}

#[tokio::test]
async fn an_older_version_does_not_write_rows_of_a_newer_fold() {
    let (pool, log, _) = folded(15).await;
    let newer = domain::fold::VERSION + 1;
    made_by_version(&pool, newer).await;
    let refused = rebuild_again(&pool, &log).await;
    assert!(matches!(refused, Err(RebuildError::NewerFold { live }) if live == newer));
    let mut old = PostgresStore::new(pool.session_options());
    let all: Vec<u32> = (0..PARTITIONS).collect();
    assert_eq!(old.claim(&all).await.unwrap().owned, []);
}

async fn made_by_version(pool: &Pool, version: u32) {
    sqlx::query("update generations set fold_version = $1")
        .bind(version as i32)
        .execute(pool)
        .await
        .unwrap();
}
