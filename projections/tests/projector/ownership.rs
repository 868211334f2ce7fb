//! One owner per partition, and no commit by anybody else.

use domain::{Changes, Contest, Position};
use projections::checksum::checksums;
use projections::store::postgres::PostgresStore;
use projections::store::{Advance, Batch, Store, StoreError};
use sqlx::PgPool;

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
    let takeover = async {
        loop {
            let owned = second.claim(4).await.unwrap();
            if owned.len() == 4 {
                return owned;
            }
            tokio::task::yield_now().await;
        }
    };
    let owned = tokio::time::timeout(std::time::Duration::from_secs(5), takeover).await.unwrap();
    assert_eq!(owned[0], Position { partition: 0, offset: 3 });
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
    let refused = advance(&mut frozen, 0, 9).await;
    assert_eq!(refused, Err(StoreError::LostOwnership(0)));
    assert_eq!(checksums(&pool).await.unwrap(), before);
    advance(&mut owner, 5, 6).await.unwrap();
}
