//! What the pool does with connections that may be bad.

use std::time::{Duration, Instant};

use infra::database::{Pool, connect, is_transient};
use test_services::OwnPostgres;

const TIMEOUT: Duration = Duration::from_secs(20);

async fn pid(pool: &Pool) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar("select pg_backend_pid()").fetch_one(pool).await
}

async fn insert(pool: &Pool) -> Result<(), sqlx::Error> {
    sqlx::query("insert into notes values (1)").execute(pool).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_without_an_answer_fails_and_its_connection_is_closed() {
    let pool = connect(&test_services::database_url().await, 1).await.unwrap();
    let pool = pool.with_statement_timeout(Duration::from_millis(200));
    let first = pid(&pool).await.unwrap();
    let error = sqlx::query("select pg_sleep(30)").execute(&pool).await.unwrap_err();
    assert!(is_transient(&error), "{error}");
    assert_ne!(pid(&pool).await.unwrap(), first, "the pool has one connection, and it is new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_statement_does_not_take_its_connection_out_of_the_pool_for_long() {
    let pool = connect(&test_services::database_url().await, 1).await.unwrap();
    let slow = sqlx::query("select pg_sleep(30)").execute(&pool);
    assert!(tokio::time::timeout(Duration::from_millis(200), slow).await.is_err());
    let began = Instant::now();
    pid(&pool).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_a_server_that_became_read_only_are_replaced() {
    let server = OwnPostgres::start().await.unwrap();
    let pool = connect(&server.database_url().await.unwrap(), 3).await.unwrap();
    sqlx::query("create table notes (n int)").execute(&pool).await.unwrap();
    insert(&pool).await.unwrap();

    server.set_read_only(true).await.unwrap();
    let began = Instant::now();
    let error = loop {
        if let Err(error) = insert(&pool).await {
            break error;
        }
        assert!(began.elapsed() < TIMEOUT, "the server does not become read-only");
    };
    assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("25006"));
    assert!(is_transient(&error), "{error}");
    let before = pid(&pool).await.unwrap();
    server.set_read_only(false).await.unwrap();
    let began = Instant::now();
    while insert(&pool).await.is_err() {
        assert!(began.elapsed() < TIMEOUT, "the pool does not recover");
    }
    let mut after = Vec::new();
    for _ in 0..6 {
        after.push(pid(&pool).await.unwrap());
    }
    assert!(after.iter().any(|pid| *pid != before), "{before} {after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_from_before_a_migration_is_transient_and_its_connection_is_closed() {
    let pool = connect(&test_services::database_url().await, 1).await.unwrap();
    sqlx::query("create table notes (n int)").execute(&pool).await.unwrap();
    let read = async || sqlx::query("select * from notes").fetch_all(&pool).await;
    read().await.unwrap();
    // Another session, so that this one keeps its prepared statement.
    let mut other = pool.session_options().open().await.unwrap();
    sqlx::query("alter table notes add column more int").execute(&mut other).await.unwrap();
    let error = read().await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("0A000"));
    assert!(is_transient(&error), "{error}");
    read().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_prepared_statement_is_transient_and_its_connection_is_closed() {
    let pool = connect(&test_services::database_url().await, 1).await.unwrap();
    pid(&pool).await.unwrap();
    sqlx::raw_sql("deallocate all").execute(&pool).await.unwrap();
    let error = pid(&pool).await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("26000"));
    assert!(is_transient(&error), "{error}");
    pid(&pool).await.unwrap();
}
