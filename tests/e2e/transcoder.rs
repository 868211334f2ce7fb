//! The transcoder of a server that crashes.

use super::harness::{Roles, Server, TestEnvironment, Upload, clip, eventually};

test_on_both_backends!(a_killed_worker_is_replaced_and_the_owner_sees_the_progress);

async fn a_killed_worker_is_replaced_and_the_owner_sees_the_progress(env: TestEnvironment) {
    let mut server = Server::start(&env, Roles::All).await;
    let ana = server.api.new_person("Ana").await;
    let uploaded = server.api.upload(&ana, Upload::of(clip::long())).await.expect(201);
    assert_eq!(uploaded["status"], "pending");
    let id = uploaded["video_id"].as_str().unwrap().parse().unwrap();
    let progress = eventually("a part of the video is processed", async || {
        let video = server.api.video(&ana, id).await.expect(200);
        assert_ne!(video["status"], "processed", "processed before its progress was seen");
        video["progress"].as_u64().filter(|percent| *percent > 0)
    })
    .await;
    assert!(progress < 100);
    server.kill().await;

    let server = Server::start(&env, Roles::All).await;
    eventually("another worker has taken over after the lease has expired", async || {
        (env.processing_attempt(id).await? == 2).then_some(())
    })
    .await;
    let video = eventually("the other worker has finished", async || {
        let video = server.api.video(&ana, id).await.expect(200);
        (video["status"] == "processed").then_some(video)
    })
    .await;
    assert_eq!(video["progress"], serde_json::Value::Null);
    let film = clip::probe(&server.api.fetch(video["processed_url"].as_str().unwrap()).await.body);
    assert_eq!(film["streams"].as_array().unwrap().len(), 2);
    assert!(server.interrupt().await.success());
    assert_eq!(env.count_ends_of(id).await, 1, "more than one end in the log");
    assert_eq!(env.rebuild().await, env.checksums().await);
}
