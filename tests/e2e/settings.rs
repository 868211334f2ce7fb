//! A start that cannot succeed: one clear line, and an exit status that says so.

use std::net::TcpListener;
use std::process::Output;

use super::harness::server::free_port;
use super::harness::{PATIENCE, World};

/// Changes to settings that are right.
type Changes<'a> = &'a [(&'a str, Option<&'a str>)];

async fn attempt(world: &World, changes: Changes<'_>) -> Output {
    let mut command = world.anb(&["serve"]);
    command.env("HTTP_ADDR", format!("127.0.0.1:{}", free_port()));
    command.env("RUST_LOG", "off").kill_on_drop(true);
    for (name, value) in changes {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends by itself").unwrap()
}

/// The start fails with one line that names what is wrong.
async fn refused(world: &World, changes: Changes<'_>, named: &str) {
    let output = attempt(world, changes).await;
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
    let world = World::embedded().await;
    for name in ["DATABASE_URL", "SECRET_KEY"] {
        refused(&world, &[(name, None)], name).await;
        refused(&world, &[(name, Some(""))], name).await;
    }
    let kafka = [("EVENT_LOG", Some("kafka"))];
    refused(&world, &kafka, "KAFKA_BROKERS").await;
    let s3 = [("STORAGE_BACKEND", Some("s3"))];
    refused(&world, &s3, "AWS_S3_BUCKET_NAME").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_setting_is_named() {
    let world = World::embedded().await;
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
        refused(&world, &[(name, Some(wrong))], name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contradiction_is_named() {
    let world = World::embedded().await;
    refused(&world, &[("KAFKA_BROKERS", Some("localhost:9092"))], "KAFKA_BROKERS").await;
    refused(&world, &[("AWS_S3_BUCKET_NAME", Some("videos"))], "AWS_S3_BUCKET_NAME").await;
    let both = [
        ("STORAGE_BACKEND", Some("s3")),
        ("AWS_S3_BUCKET_NAME", Some("videos")),
        ("AWS_REGION", Some("us-east-1")),
        ("MEDIA_ROOT", Some("/tmp/media")),
    ];
    refused(&world, &both, "MEDIA_ROOT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_partitions_stops_the_start() {
    for world in [World::embedded().await, World::cluster().await] {
        refused(&world, &[("LOG_PARTITIONS", Some("4"))], "LOG_PARTITIONS").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named() {
    let world = World::embedded().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused(&world, &[("HTTP_ADDR", Some(&address))], &address).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_answer_is_named() {
    let nobody = format!("127.0.0.1:{}", free_port());
    let world = World::embedded().await;
    let database = format!("postgres://anb:hunter2@{nobody}/anb");
    refused(&world, &[("DATABASE_URL", Some(&database))], "Postgres").await;
    let kafka = [("EVENT_LOG", Some("kafka")), ("KAFKA_BROKERS", Some(nobody.as_str()))];
    refused(&world, &kafka, "log").await;
    let world = World::cluster().await;
    let endpoint = format!("http://{nobody}");
    refused(&world, &[("AWS_ENDPOINT_URL", Some(&endpoint))], "stor").await;
    refused(&world, &[("AWS_S3_BUCKET_NAME", Some("no-such-bucket"))], "no-such-bucket").await;
}
