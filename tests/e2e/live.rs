//! Boards as they change: `GET /api/public/rankings/stream`.

use std::time::{Duration, Instant};

use super::harness::client::Ask;
use super::harness::events::Events;
use super::harness::{Roles, Server, World};

on_both!(a_board_is_watched, a_restart_is_survived);

/// Some milliseconds, on a machine that does nothing else meanwhile; other tests keep this one busy.
const SOON: Duration = Duration::from_secs(5);

async fn a_board_is_watched(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.somebody_from("Ana", "Bogotá", "Colombia").await;
    let cleo = api.somebody_from("Cleo", "Lima", "Perú").await;
    let anas = world.published(&ana, 1).await[0];
    let cleos = world.published(&cleo, 1).await[0];
    let ranked = async || {
        let ranking = api.fetch("/api/public/rankings").await.ok(200);
        (ranking["total"] == 2).then_some(())
    };
    super::harness::eventually("both rank", ranked).await;

    let mut everybody = Events::watch(api, "", None).await;
    let ready = everybody.expect("ready").await;
    let mut lima = Events::watch(api, "?city=LIMA", None).await;
    lima.expect("ready").await;

    api.vote(&cleo, anas).await.ok(200);
    let voted = Instant::now();
    let change = everybody.expect("change").await;
    assert!(voted.elapsed() < SOON, "{:?}", voted.elapsed());
    assert_eq!(change.data["total"], 2);
    let rows = change.data["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "only who has changed: {rows:?}");
    assert_eq!(rows[0]["artist_id"], ana.id.to_string());
    assert_eq!((&rows[0]["position"], &rows[0]["votes"]), (&1.into(), &1.into()));
    assert_eq!(rows[0]["username"], "Ana Rincón");

    api.vote(&ana, cleos).await.ok(200);
    let change = lima.expect("change").await;
    assert_eq!(change.data["rows"][0]["artist_id"], cleo.id.to_string(), "nobody else's");
    assert_eq!(change.data["rows"][0]["position"], 1);

    drop(everybody);
    let mut again = Events::watch(api, "", Some(&ready.id)).await;
    let missed = again.expect("change").await;
    assert_eq!(missed.data["rows"].as_array().unwrap().len(), 2, "{missed:?}");
    let mut up_to_date = Events::watch(api, "", Some(&missed.id)).await;
    up_to_date.expect("ready").await;
    let path = format!("?last_event_id={}", ready.id);
    Events::watch(api, &path, None).await.expect("change").await;
    for unknown in ["", "1", "00000000000000000000000000000000.1"] {
        Events::watch(api, "", Some(unknown)).await.expect("reset").await;
    }
    let refused = api.get("/api/public/rankings/stream?city=%00").answer().await;
    refused.problem().is("value_error", "query.city");
}

async fn a_restart_is_survived(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let mut events = Events::watch(&server.api, "", None).await;
    let ready = events.expect("ready").await;
    let told = Instant::now();
    assert!(server.interrupt().await.success());
    assert!(told.elapsed() < Duration::from_secs(10), "nobody waits for open streams");
    while let Some(event) = events.next().await {
        // The projector has begun a new trail while it took its partitions.
        assert_eq!(event.kind, "reset", "{event:?}");
    }

    let server = Server::start(&world, Roles::NoTranscoder).await;
    let mut events = Events::watch(&server.api, "", Some(&ready.id)).await;
    events.expect("reset").await;
}
