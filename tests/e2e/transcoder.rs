//! The transcoder of a server that dies, or that asks for more than the machine has.

use super::harness::{Roles, Server, Upload, World, clip, eventually};

on_both!(a_video_survives_the_death_of_its_worker_and_its_owner_sees_how_far_it_is);

async fn a_video_survives_the_death_of_its_worker_and_its_owner_sees_how_far_it_is(world: World) {
    let mut server = Server::start(&world, Roles::All).await;
    let ana = server.api.somebody("Ana").await;
    let uploaded = server.api.upload(&ana, Upload::of(clip::long())).await.ok(201);
    assert_eq!(uploaded["status"], "pending");
    let id = uploaded["video_id"].as_str().unwrap().parse().unwrap();
    let progress = eventually("a part of the video is processed", async || {
        let video = server.api.video(&ana, id).await.ok(200);
        assert_ne!(video["status"], "processed", "too quick to be watched");
        video["progress"].as_u64().filter(|percent| *percent > 0)
    })
    .await;
    assert!(progress < 100);
    server.kill().await;

    let server = Server::start(&world, Roles::All).await;
    eventually("the dead worker's lease has run out, and another has taken over", async || {
        (world.attempt_at(id).await? == 2).then_some(())
    })
    .await;
    let video = eventually("the other worker has finished it", async || {
        let video = server.api.video(&ana, id).await.ok(200);
        (video["status"] == "processed").then_some(video)
    })
    .await;
    assert_eq!(video["progress"], serde_json::Value::Null);
    let film = clip::probe(&server.api.fetch(video["processed_url"].as_str().unwrap()).await.body);
    assert_eq!(film["streams"].as_array().unwrap().len(), 2);
    assert!(server.interrupt().await.success());
    assert_eq!(world.ends_of(id).await, 1, "one end in the log");
    assert_eq!(world.rebuilt().await, world.checksums().await);
}
