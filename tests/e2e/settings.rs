//! Starts with invalid settings: one line on standard error and a failing exit status.

use std::net::TcpListener;
use std::process::Output;

use super::harness::server::{Roles, Server, free_port};
use super::harness::{TEST_TIMEOUT, TestEnvironment};

/// Changes to valid settings; `None` removes one.
type Changes<'a> = &'a [(&'a str, Option<&'a str>)];

async fn try_to_start(env: &TestEnvironment, changes: Changes<'_>) -> Output {
    let mut command = env.anb(&["serve"]);
    command.env("HTTP_ADDR", format!("127.0.0.1:{}", free_port()));
    command.env("RUST_LOG", "off").kill_on_drop(true);
    for (name, value) in changes {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    tokio::time::timeout(TEST_TIMEOUT, command.output())
        .await
        .expect("the process goes on")
        .unwrap()
}

/// Asserts that the start fails with one line that contains `named`.
async fn assert_rejected(env: &TestEnvironment, changes: Changes<'_>, named: &str) {
    let output = try_to_start(env, changes).await;
    let line = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{changes:?}: it started");
    assert_eq!(output.status.code().map(|code| code > 0), Some(true), "{changes:?}: it crashed");
    assert_eq!(line.trim_end().lines().count(), 1, "{changes:?}: not one line:\n{line}");
    assert!(line.contains(named), "{changes:?}: {line}");
    assert!(!line.contains("panicked"), "{changes:?}: {line}");
    assert!(!line.contains("hunter2"), "a secret is shown: {line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_setting_is_named() {
    let env = TestEnvironment::embedded().await;
    for name in ["DATABASE_URL", "SECRET_KEY"] {
        assert_rejected(&env, &[(name, None)], name).await;
        assert_rejected(&env, &[(name, Some(""))], name).await;
    }
    let kafka = [("EVENT_LOG", Some("kafka"))];
    assert_rejected(&env, &kafka, "KAFKA_BROKERS").await;
    let s3 = [("STORAGE_BACKEND", Some("s3"))];
    assert_rejected(&env, &s3, "AWS_S3_BUCKET_NAME").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_setting_is_named() {
    let env = TestEnvironment::embedded().await;
    for (name, wrong) in [
        ("DATABASE_URL", "mysql://root:hunter2@localhost/anb"),
        ("SECRET_KEY", "hunter2"),
        ("HTTP_ADDR", "nowhere"),
        ("EVENT_LOG", "redis"),
        ("STORAGE_BACKEND", "ftp"),
        ("LOG_PARTITIONS", "0"),
        ("LOG_PARTITIONS", "many"),
        ("MAX_VIDEO_SIZE", "10 MB"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "-1"),
        ("VERDICT_DEADLINE_MS", "soon"),
        ("ROLES", "web"),
        ("CORS_ORIGINS", "example.org"),
    ] {
        assert_rejected(&env, &[(name, Some(wrong))], name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contradiction_is_named() {
    let env = TestEnvironment::embedded().await;
    assert_rejected(&env, &[("KAFKA_BROKERS", Some("localhost:9092"))], "KAFKA_BROKERS").await;
    assert_rejected(&env, &[("AWS_S3_BUCKET_NAME", Some("videos"))], "AWS_S3_BUCKET_NAME").await;
    let both = [
        ("STORAGE_BACKEND", Some("s3")),
        ("AWS_S3_BUCKET_NAME", Some("videos")),
        ("AWS_REGION", Some("us-east-1")),
        ("MEDIA_ROOT", Some("/tmp/media")),
    ];
    assert_rejected(&env, &both, "MEDIA_ROOT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_partitions_stops_the_start() {
    for env in [TestEnvironment::embedded().await, TestEnvironment::cluster().await] {
        assert_rejected(&env, &[("LOG_PARTITIONS", Some("4"))], "LOG_PARTITIONS").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named() {
    let env = TestEnvironment::embedded().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_rejected(&env, &[("HTTP_ADDR", Some(&address))], &address).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_answer_is_named() {
    let nobody = format!("127.0.0.1:{}", free_port());
    let env = TestEnvironment::embedded().await;
    let database = format!("postgres://anb:hunter2@{nobody}/anb");
    assert_rejected(&env, &[("DATABASE_URL", Some(&database))], "Postgres").await;
    let kafka = [("EVENT_LOG", Some("kafka")), ("KAFKA_BROKERS", Some(nobody.as_str()))];
    assert_rejected(&env, &kafka, "log").await;
    let env = TestEnvironment::cluster().await;
    let endpoint = format!("http://{nobody}");
    assert_rejected(&env, &[("AWS_ENDPOINT_URL", Some(&endpoint))], "stor").await;
    assert_rejected(&env, &[("AWS_S3_BUCKET_NAME", Some("no-such-bucket"))], "no-such-bucket")
        .await;
}

/// The log and the tables are there, but `secrets` was not in the backup that was restored.
#[tokio::test(flavor = "multi_thread")]
async fn a_contest_without_its_email_secret_is_refused() {
    let env = TestEnvironment::embedded().await;
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let ana = server.api.new_person("Ana").await;
    assert!(server.interrupt().await.success());
    sqlx::query("delete from secrets").execute(&env.pool).await.unwrap();
    assert_rejected(&env, &[], "restore the table `secrets` from the backup").await;
    let granted = env.anb(&["operator", "grant", &ana.email]).output().await.unwrap();
    let error = String::from_utf8_lossy(&granted.stderr);
    assert!(error.contains("restore the table `secrets` from the backup"), "{error}");
}
