//! A partition has one owner, and no other process commits to it.

use std::time::{Duration, Instant};

use domain::{Changes, Contest, Position};
use infra::database::Pool;
use infra::event_log::LogIdentity;
use projections::checksum::checksums;
use projections::store::postgres::PostgresStore;
use projections::store::{Advance, Batch, Store, StoreError};
use uuid::Uuid;

/// Another owner works within this time after the first one stopped or froze.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(5);

const ALL: [u32; 4] = [0, 1, 2, 3];

fn store(pool: &Pool) -> PostgresStore {
    PostgresStore::new(pool.session_options())
}

async fn advance(store: &mut PostgresStore, from: u64, to: u64) -> Result<(), StoreError> {
    let batch = Batch {
        log: &LogIdentity::new("a log"),
        advances: &[Advance { partition: 0, from, to, last: Uuid::nil() }],
        contest: &Contest::default(),
        changes: &Changes::default(),
        dead_letters: &[],
    };
    store.commit(&batch).await.map(|_| ())
}

#[tokio::test]
async fn a_partition_has_one_owner_until_that_disconnects() {
    let pool = test_services::database().await;
    let (mut first, mut second) = (store(&pool), store(&pool));
    assert_eq!(first.claim(&ALL).await.unwrap().owned.len(), 4);
    assert_eq!(first.claim(&ALL).await.unwrap().owned.len(), 4, "owned partitions stay owned");
    assert_eq!(second.claim(&ALL).await.unwrap().owned, []);
    advance(&mut first, 0, 3).await.unwrap();

    drop(first);
    let owned = take_over(&mut second).await;
    assert_eq!(owned[0], Position { partition: 0, offset: 3 });
}

/// Claims until all partitions are owned. Panics after [`TAKEOVER_TIMEOUT`].
async fn take_over(store: &mut PostgresStore) -> Vec<Position> {
    let winning = async {
        loop {
            let owned = store.claim(&ALL).await.unwrap().owned;
            if owned.len() == 4 {
                return owned.into_iter().map(|checkpoint| checkpoint.next).collect();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(TAKEOVER_TIMEOUT, winning).await.unwrap()
}

#[tokio::test]
async fn an_owner_without_heartbeats_loses_its_partitions_and_cannot_commit() {
    let pool = test_services::database().await;
    let (mut frozen, mut other) = (store(&pool), store(&pool));
    frozen.claim(&ALL).await.unwrap();
    advance(&mut frozen, 0, 3).await.unwrap();

    let owned = take_over(&mut other).await;
    assert_eq!(owned[0], Position { partition: 0, offset: 3 });
    let refused = advance(&mut frozen, 3, 4).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(frozen.claim(&ALL).await.unwrap().owned, []);
    advance(&mut other, 3, 5).await.unwrap();
}

/// An owner that freezes within a transaction holds row locks as well.
#[tokio::test]
async fn an_owner_that_hangs_in_a_transaction_is_disconnected_and_may_claim_again() {
    let pool = test_services::database().await;
    let (mut frozen, mut other) = (store(&pool), store(&pool));
    frozen.claim(&ALL).await.unwrap();
    let mut obstacle = pool.unbounded().begin().await.unwrap();
    sqlx::query("select from checkpoints for update").execute(&mut *obstacle).await.unwrap();
    let mut hanging = Box::pin(advance(&mut frozen, 0, 3));
    tokio::select! {
        _ = &mut hanging => panic!("it did not wait for the row"),
        () = a_session_waits(&pool) => {}
    }
    // From here on the task is not polled: the row is free, and the transaction stays open.
    obstacle.rollback().await.unwrap();

    let owned = take_over(&mut other).await;
    assert_eq!(owned[0], Position { partition: 0, offset: 0 });
    advance(&mut other, 0, 5).await.unwrap();
    let cut = hanging.as_mut().await;
    drop(hanging);
    assert!(matches!(cut, Err(StoreError::Unavailable(_))), "{cut:?}");
    assert_eq!(frozen.claim(&ALL).await.unwrap().owned, []);
}

async fn a_session_waits(pool: &Pool) {
    let sql = "select exists (select from pg_locks where not granted and pid in
               (select pid from pg_stat_activity where datname = current_database()))";
    while !sqlx::query_scalar::<_, bool>(sql).fetch_one(pool).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_owner_with_heartbeats_keeps_its_partitions() {
    let pool = test_services::database().await;
    let (mut owner, mut other) = (store(&pool), store(&pool));
    owner.claim(&ALL).await.unwrap();
    let started = Instant::now();
    while started.elapsed() < TAKEOVER_TIMEOUT {
        tokio::time::sleep(Duration::from_secs(1)).await;
        owner.keep_alive().await.unwrap();
        assert_eq!(other.claim(&ALL).await.unwrap().owned, []);
    }
    advance(&mut owner, 0, 1).await.unwrap();
}

/// A crash of Postgres may undo the last revisions. Readers would not notice a number that comes twice.
#[tokio::test]
async fn a_new_owner_skips_revisions_that_readers_may_have_seen() {
    let pool = test_services::database().await;
    let ranking_revision = async || -> i64 {
        let sql = "select generation from ranking_head";
        sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()
    };
    let (mut first, mut second) = (store(&pool), store(&pool));
    first.claim(&ALL).await.unwrap();
    let seen = ranking_revision().await;
    first.claim(&ALL).await.unwrap();
    assert_eq!(ranking_revision().await, seen, "an owner that continues skips nothing");
    drop(first);
    take_over(&mut second).await;
    assert!(ranking_revision().await > seen + 100_000);
}

#[tokio::test]
async fn an_owner_whose_checkpoint_was_moved_cannot_commit() {
    let pool = test_services::database().await;
    let mut owner = store(&pool);
    owner.claim(&[0]).await.unwrap();
    advance(&mut owner, 0, 5).await.unwrap();
    let before = checksums(&pool).await.unwrap();

    // A frozen owner that resumes still has its old checkpoint.
    let mut frozen = store(&pool);
    assert_eq!(frozen.claim(&[0]).await.unwrap().owned, []);
    let refused = advance(&mut frozen, 0, 9).await;
    assert!(matches!(refused, Err(StoreError::LostOwnership(0))), "{refused:?}");
    assert_eq!(checksums(&pool).await.unwrap(), before);
    advance(&mut owner, 5, 6).await.unwrap();
}
