//! Tests of the Postgres adapter only.

use infra::event_log::OpenError;
use infra::event_log::postgres::PostgresLog;
use infra::event_log::{EventLog, ReadError};

use crate::fixture::{PARTITIONS, append, beginning, read, record};

#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_partitions_is_rejected() {
    let pool = test_services::database().await;
    let log = PostgresLog::open(pool.clone(), PARTITIONS).await.unwrap();
    assert_eq!(log.partitions(), PARTITIONS);

    let error = PostgresLog::open(pool.clone(), 5).await.err().unwrap();

    assert!(
        matches!(error, OpenError::PartitionCount { wanted: 5, found: PARTITIONS }),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(
        text.starts_with("the log has 4 partitions, LOG_PARTITIONS says 5: set LOG_PART"),
        "{text}"
    );
    assert!(PostgresLog::open(pool, PARTITIONS).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_hangs_during_an_append_does_not_block_others() {
    let url = test_services::database_url().await;
    let pool = infra::database::connect(&url, 4).await.unwrap();
    let log = PostgresLog::open(pool.clone(), PARTITIONS).await.unwrap();
    let mut hanging = pool.unbounded().begin().await.unwrap();
    sqlx::query("select from event_log_heads for update").execute(&mut *hanging).await.unwrap();

    append(&log, vec![record("video-1", 0)]).await;
    assert!(hanging.commit().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_reports_a_log_that_was_truncated() {
    let pool = test_services::database().await;
    let log = PostgresLog::open(pool.clone(), PARTITIONS).await.unwrap();
    let at = append(&log, (0..10).map(|n| record("video-1", n)).collect()).await[0];
    let mut during = log.read(&beginning()).await.unwrap();
    // Each of the four partitions has an equal share of `max`.
    assert_eq!(during.next(12).await.unwrap().len(), 3);

    sqlx::query(r#"delete from event_log where "offset" < 5"#).execute(&pool).await.unwrap();

    let gone =
        |requested| ReadError::OffsetGone { partition: at.partition, requested, first: 5, end: 10 };
    assert_eq!(log.read(&beginning()).await.err().unwrap().to_string(), gone(0).to_string());
    assert_eq!(during.next(3).await.err().unwrap().to_string(), gone(3).to_string());
    let from = [domain::Position { offset: 5, ..at }];
    let rest = read(log.read(&from).await.unwrap().as_mut(), 5).await;
    assert_eq!(rest.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_reader_reports_a_log_that_was_reset() {
    let pool = test_services::database().await;
    let log = PostgresLog::open(pool.clone(), PARTITIONS).await.unwrap();
    let at = append(&log, (0..10).map(|n| record("video-1", n)).collect()).await[0];
    let mut reader = log.read(&beginning()).await.unwrap();
    read(reader.as_mut(), 10).await;

    sqlx::query(r#"delete from event_log where "offset" >= 5"#).execute(&pool).await.unwrap();
    sqlx::query("update event_log_heads set next_offset = 5 where partition = $1")
        .bind(at.partition as i32)
        .execute(&pool)
        .await
        .unwrap();

    let gone = ReadError::OffsetGone { partition: at.partition, requested: 10, first: 0, end: 5 };
    assert_eq!(reader.next(1).await.err().unwrap().to_string(), gone.to_string());
}
