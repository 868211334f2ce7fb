//! A server that cannot work is refused at the start, with a sentence that says what to do.

use infra::database::{DatabaseError, UnusableServer, connect, migrate};
use infra::event_log::EventLog;
use infra::event_log::postgres::PostgresLog;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use url::Url;
use uuid::Uuid;

use crate::pgbouncer::PgBouncer;

/// A new database of the shared cluster.
async fn database(options: &str) -> String {
    let mut url: Url = test_services::database_url().await.parse().unwrap();
    let name = format!("t_{}", Uuid::new_v4().simple());
    let mut admin = PgConnection::connect(url.as_str()).await.unwrap();
    let sql = format!("create database {name} template template0 locale 'C' {options}");
    sqlx::query(AssertSqlSafe(sql)).execute(&mut admin).await.unwrap();
    url.set_path(&name);
    url.into()
}

#[tokio::test]
async fn a_database_in_another_encoding_is_refused_by_name() {
    for encoding in ["SQL_ASCII", "LATIN1"] {
        let url = database(&format!("encoding '{encoding}'")).await;
        let error = connect(&url, 2).await.unwrap_err();
        let expected = UnusableServer::Encoding(encoding.to_owned());
        assert!(matches!(&error, DatabaseError::Unusable(found) if *found == expected), "{error}");
        assert!(error.to_string().contains(encoding), "{error}");
    }
    connect(&database("encoding 'UTF8'").await, 2).await.unwrap();
}

#[tokio::test]
async fn a_pooler_that_shares_sessions_is_refused() {
    let pooler = PgBouncer::start(&test_services::database_url().await, "transaction");
    let error = connect(&pooler.url, 2).await.unwrap_err();
    let shares = matches!(&error, DatabaseError::Unusable(UnusableServer::SharedSessions));
    assert!(shares, "{error}");
    assert!(error.to_string().contains("pool_mode=session"), "{error}");
}

#[tokio::test]
async fn a_pooler_that_keeps_sessions_works() {
    let pooler = PgBouncer::start(&database("encoding 'UTF8'").await, "session");
    let pool = connect(&pooler.url, 4).await.unwrap();
    migrate(&pool).await.unwrap();
    let log = PostgresLog::open(pool.clone(), 2).await.unwrap();
    assert_eq!(log.end_offsets().await.unwrap(), [0, 0]);
    let setting: String = sqlx::query_scalar("show idle_in_transaction_session_timeout")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(setting, "2500ms", "the settings of a session reach the server");
}
