//! The stream of ranking changes: `GET /api/public/rankings/stream`.

use std::time::{Duration, Instant};

use super::harness::client::SendRequest;
use super::harness::event_stream::EventStream;
use super::harness::{Roles, Server, TestEnvironment, eventually};

test_on_both_backends!(
    the_ranking_stream_sends_changes_and_resumes,
    a_restart_ends_the_streams_and_resets_their_clients
);

/// Bounds the time from a vote to its event: milliseconds on an idle machine, more beside other tests.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(5);

async fn the_ranking_stream_sends_changes_and_resumes(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.new_person_from("Ana", "Bogotá", "Colombia").await;
    let cleo = api.new_person_from("Cleo", "Lima", "Perú").await;
    let anas = env.publish_videos(&ana, 1).await[0];
    let cleos = env.publish_videos(&cleo, 1).await[0];
    let ranked = async || {
        let ranking = api.fetch("/api/public/rankings").await.expect(200);
        (ranking["total"] == 2).then_some(())
    };
    eventually("both rank", ranked).await;

    let mut everybody = EventStream::watch(api, "", None).await;
    let ready = everybody.expect("ready").await;
    let mut lima = EventStream::watch(api, "?city=LIMA", None).await;
    lima.expect("ready").await;

    api.vote(&cleo, anas).await.expect(200);
    let voted = Instant::now();
    let change = everybody.expect("change").await;
    assert!(voted.elapsed() < CHANGE_TIMEOUT, "{:?}", voted.elapsed());
    assert_eq!(change.data["total"], 2);
    let rows = change.data["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "not only the changed row: {rows:?}");
    assert_eq!(rows[0]["artist_id"], ana.id.to_string());
    assert_eq!((&rows[0]["position"], &rows[0]["votes"]), (&1.into(), &1.into()));
    assert_eq!(rows[0]["username"], "Ana Rincón");

    api.vote(&ana, cleos).await.expect(200);
    let change = lima.expect("change").await;
    assert_eq!(change.data["rows"][0]["artist_id"], cleo.id.to_string(), "a row of another board");
    assert_eq!(change.data["rows"][0]["position"], 1);

    drop(everybody);
    let mut again = EventStream::watch(api, "", Some(&ready.id)).await;
    let missed = again.expect("change").await;
    assert_eq!(missed.data["rows"].as_array().unwrap().len(), 2, "{missed:?}");
    let mut up_to_date = EventStream::watch(api, "", Some(&missed.id)).await;
    up_to_date.expect("ready").await;
    let path = format!("?last_event_id={}", ready.id);
    EventStream::watch(api, &path, None).await.expect("change").await;
    for unknown in ["", "1", "00000000000000000000000000000000.1"] {
        EventStream::watch(api, "", Some(unknown)).await.expect("reset").await;
    }
    let refused = api.get("/api/public/rankings/stream?city=%00").response().await;
    refused.problem().is("value_error", "query.city");
}

async fn a_restart_ends_the_streams_and_resets_their_clients(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let mut events = EventStream::watch(&server.api, "", None).await;
    let ready = events.expect("ready").await;
    let told = Instant::now();
    assert!(server.interrupt().await.success());
    assert!(told.elapsed() < Duration::from_secs(10), "the server waited for open streams");
    while let Some(event) = events.next().await {
        // The projector starts a new trail of changes when it claims its partitions.
        assert_eq!(event.kind, "reset", "{event:?}");
    }

    let server = Server::start(&env, Roles::NoTranscoder).await;
    let mut events = EventStream::watch(&server.api, "", Some(&ready.id)).await;
    events.expect("reset").await;
}
