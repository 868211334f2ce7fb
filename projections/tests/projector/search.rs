//! Artists found by names that very many voters share.

use std::sync::Arc;

use domain::AccountId;
use infra::database::Pool;
use projections::ErasureEpoch;
use projections::boards::Board;
use projections::queries::Queries;
use projections::rankings::{BoardsFollower, Rankings};
use uuid::Uuid;

fn artist(n: u128) -> AccountId {
    AccountId(Uuid::from_u128(n))
}

async fn add_persons(pool: &Pool, count: i64) {
    sqlx::query(
        "insert into personal_data
             (account_id, event_id, first_name, last_name, email, password_hash)
         select gen_random_uuid(), gen_random_uuid(), 'María', 'Pérez', n || '@example.com', ''
         from generate_series(1, $1) as n",
    )
    .bind(count)
    .execute(pool)
    .await
    .unwrap();
}

/// Adds an artist who has as many votes as their number.
async fn add_artist(pool: &Pool, number: u32, first_name: &str, last_name: &str) {
    sqlx::query(
        "insert into personal_data
             (account_id, event_id, first_name, last_name, email, password_hash)
         values ($1, gen_random_uuid(), $2, $3, $1 || '@example.com', '')",
    )
    .bind(artist(number.into()).0)
    .bind(first_name)
    .bind(last_name)
    .execute(pool)
    .await
    .unwrap();
    sqlx::query(
        "insert into ranking (artist_id, votes, reached_at, city, country, city_key, country_key,
                              generation)
         values ($1, $2, now(), 'Lima', 'Perú', 'lima', 'peru', 0)",
    )
    .bind(artist(number.into()).0)
    .bind(i64::from(number))
    .execute(pool)
    .await
    .unwrap();
}

/// The artists that are found, best first, with their positions.
async fn search(queries: &Queries, name: &str, limit: u32) -> Vec<(u64, AccountId)> {
    let found = queries.ranked_by_name(&Board::default(), name, limit).await.unwrap();
    found.iter().map(|it| (it.ranked.position, it.ranked.standing.artist)).collect()
}

/// 12,000 persons are more than one search fetches by the index of names.
#[tokio::test]
async fn artists_are_found_among_any_number_of_voters_with_their_name() {
    for voters in [0, 5_000, 12_000] {
        let pool = test_services::database().await;
        add_persons(&pool, voters).await;
        for number in 1..=1_500 {
            match number {
                10 | 700 => add_artist(&pool, number, "María", "Pérez").await,
                1_400 => add_artist(&pool, number, "Ana", "maria Rojas").await,
                _ => add_artist(&pool, number, "Beto", "Ríos").await,
            }
        }
        let rankings = Arc::new(Rankings::default());
        BoardsFollower::new(pool.clone(), Arc::clone(&rankings)).catch_up().await.unwrap();
        let queries = Queries::new(pool, rankings, ErasureEpoch::default());

        let all = [(101, artist(1_400)), (801, artist(700)), (1_491, artist(10))];
        assert_eq!(search(&queries, "María", 10).await, all, "{voters} voters");
        assert_eq!(search(&queries, "mar", 2).await, all[..2], "{voters} voters");
        assert_eq!(search(&queries, "beto", 1).await, [(1, artist(1_500))], "{voters} voters");
        assert_eq!(search(&queries, "Zoraida", 10).await, [], "{voters} voters");
    }
}
