//! When the verdict takes longer than a request may: 202, and a token that asks for it later.

use serde_json::Value;

use super::harness::server::free_port;
use super::harness::{Answer, Api, Roles, Server, World, eventually};

on_both!(a_command_outlives_its_request);

async fn a_command_outlives_its_request(world: World) {
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let ana = server.api.somebody("Ana").await;
    let beto = server.api.somebody("Beto").await;
    let video = world.published(&ana, 1).await[0];
    assert!(server.interrupt().await.success());

    let deadline = [("VERDICT_DEADLINE_MS", "100")];
    let server = Server::start_with(&world, Roles::Api, free_port(), &deadline).await;
    let api = &server.api;
    let counted = token(&api.vote(&ana, video).await);
    let again = token(&api.vote(&ana, video).await);
    let deletion = token(&api.delete(&ana, video).await);
    let other = token(&api.vote(&beto, video).await);
    for token in [&counted, &again, &deletion, &other] {
        assert_eq!(status(api, token).await["status"], "pending");
    }

    let _projector = Server::launch(&world, Roles::Projector, free_port(), &[]);
    let counted = decided(api, &counted).await;
    assert_eq!(counted["status"], "accepted", "{counted}");
    assert!(counted["total_votes"].is_u64(), "{counted}");
    let other = decided(api, &other).await;
    assert_eq!((&other["status"], &other["total_votes"]), (&"accepted".into(), &2.into()));
    for (token, code) in [(&again, "already_voted"), (&deletion, "has_votes")] {
        let rejected = decided(api, token).await;
        assert_eq!(rejected["status"], "rejected", "{rejected}");
        assert!(rejected.to_string().contains(code), "{rejected}");
    }
    assert_eq!(api.video(&ana, video).await.ok(200)["votes"], 2);
}

fn token(answer: &Answer) -> String {
    let accepted = answer.ok(202);
    let token = accepted["command_token"].as_str().unwrap();
    assert_eq!(accepted["status_url"], format!("/api/commands/{token}"));
    assert_eq!(answer.header("location"), accepted["status_url"].as_str());
    token.to_owned()
}

async fn status(api: &Api, token: &str) -> Value {
    api.fetch(&format!("/api/commands/{token}")).await.ok(200)
}

async fn decided(api: &Api, token: &str) -> Value {
    eventually("the command is decided", async || {
        let status = status(api, token).await;
        (status["status"] != "pending").then_some(status)
    })
    .await
}
