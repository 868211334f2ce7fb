//! One owner per partition, and no commit by anybody else.

use std::time::{Duration, Instant};

use domain::{Changes, Contest, Position};
use projections::checksum::checksums;
use projections::store::postgres::PostgresStore;
use projections::store::{Advance, Batch, Store, StoreError};
use sqlx::PgPool;

/// Another owner is at work within this time, whatever became of the first.
const TAKEOVER: Duration = Duration::from_secs(5);

fn store(pool: &PgPool) -> PostgresStore {
    PostgresStore::new(pool.connect_options())
}

async fn advance(store: &mut PostgresStore, from: u64, to: u64) -> Result<(), StoreError> {
    let batch = Batch {
        advances: &[Advance { partition: 0, from, to }],
        contest: &Contest::default(),
        changes: &Changes::default(),
        dead_letters: &[],
    };
    store.commit(&batch).await.map(|_| ())
}

#[tokio::test]
async fn a_partition_has_one_owner_until_it_goes() {
    let pool = test_services::database().await;
    let (mut first, mut second) = (store(&pool), store(&pool));
    assert_eq!(first.claim(4).await.unwrap().len(), 4);
    assert_eq!(first.claim(4).await.unwrap().len(), 4, "what is owned stays owned");
    assert_eq!(second.claim(4).await.unwrap(), []);
    advance(&mut first, 0, 3).await.unwrap();

    drop(first);
    let owned = take_over(&mut second).await;
    assert_eq!(owned[0], Position { partition: 0, offset: 3 });
}

/// Claims until everything is won; panics if that takes longer than a takeover may.
async fn take_over(store: &mut PostgresStore) -> Vec<Position> {
    let winning = async {
        loop {
            let owned = store.claim(4).await.unwrap();
            if owned.len() == 4 {
                return owned;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(TAKEOVER, winning).await.unwrap()
}

#[tokio::test]
async fn who_gives_no_sign_of_life_loses_its_partitions_and_can_commit_nothing() {
    let pool = test_services::database().await;
    let (mut frozen, mut other) = (store(&pool), store(&pool));
    frozen.claim(4).await.unwrap();
    advance(&mut frozen, 0, 3).await.unwrap();

    let owned = take_over(&mut other).await;
    assert_eq!(owned[0], Position { partition: 0, offset: 3 });
    let refused = advance(&mut frozen, 3, 4).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(frozen.claim(4).await.unwrap(), []);
    advance(&mut other, 3, 5).await.unwrap();
}

/// Frozen between two statements of a transaction, which is worse: it holds row locks, too.
#[tokio::test]
async fn who_hangs_in_the_middle_of_a_batch_is_cut_and_may_try_again() {
    let pool = test_services::database().await;
    let (mut frozen, mut other) = (store(&pool), store(&pool));
    frozen.claim(4).await.unwrap();
    let mut obstacle = pool.begin().await.unwrap();
    sqlx::query("select from checkpoints for update").execute(&mut *obstacle).await.unwrap();
    let mut hanging = Box::pin(advance(&mut frozen, 0, 3));
    tokio::select! {
        _ = &mut hanging => panic!("it did not wait for the row"),
        () = somebody_waits(&pool) => {}
    }
    // From here on nobody looks after it: the row is free, and the transaction stays open.
    obstacle.rollback().await.unwrap();

    let owned = take_over(&mut other).await;
    assert_eq!(owned[0], Position { partition: 0, offset: 0 });
    advance(&mut other, 0, 5).await.unwrap();
    let cut = hanging.as_mut().await;
    drop(hanging);
    assert!(matches!(cut, Err(StoreError::Unavailable(_))), "{cut:?}");
    assert_eq!(frozen.claim(4).await.unwrap(), []);
}

async fn somebody_waits(pool: &PgPool) {
    let sql = "select exists (select from pg_locks where not granted and pid in
               (select pid from pg_stat_activity where datname = current_database()))";
    while !sqlx::query_scalar::<_, bool>(sql).fetch_one(pool).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn who_gives_signs_of_life_keeps_its_partitions() {
    let pool = test_services::database().await;
    let (mut owner, mut other) = (store(&pool), store(&pool));
    owner.claim(4).await.unwrap();
    let started = Instant::now();
    while started.elapsed() < TAKEOVER {
        tokio::time::sleep(Duration::from_secs(1)).await;
        owner.keep_alive().await.unwrap();
        assert_eq!(other.claim(4).await.unwrap(), []);
    }
    advance(&mut owner, 0, 1).await.unwrap();
}

/// A crash of Postgres may take back the last generations; readers would sleep through their numbers.
#[tokio::test]
async fn a_new_owner_leaps_over_generations_that_may_have_been_seen() {
    let pool = test_services::database().await;
    let generation = async || -> i64 {
        let sql = "select generation from ranking_head";
        sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()
    };
    let (mut first, mut second) = (store(&pool), store(&pool));
    first.claim(4).await.unwrap();
    let seen = generation().await;
    first.claim(4).await.unwrap();
    assert_eq!(generation().await, seen, "who goes on has nothing to leap over");
    drop(first);
    take_over(&mut second).await;
    assert!(generation().await > seen + 100_000);
}

#[tokio::test]
async fn who_does_not_find_the_checkpoint_where_it_was_left_commits_nothing() {
    let pool = test_services::database().await;
    let mut owner = store(&pool);
    owner.claim(1).await.unwrap();
    advance(&mut owner, 0, 5).await.unwrap();
    let before = checksums(&pool).await.unwrap();

    // A frozen owner that wakes up still believes in its old checkpoint.
    let mut frozen = store(&pool);
    assert_eq!(frozen.claim(1).await.unwrap(), []);
    let refused = advance(&mut frozen, 0, 9).await;
    assert!(matches!(refused, Err(StoreError::LostOwnership(0))), "{refused:?}");
    assert_eq!(checksums(&pool).await.unwrap(), before);
    advance(&mut owner, 5, 6).await.unwrap();
}
