//! Commands whose verdict takes longer than a request may: 202 and a token that asks for it later.

use serde_json::Value;

use super::harness::server::free_port;
use super::harness::{ApiClient, ApiResponse, Roles, Server, TestEnvironment, eventually};

test_on_both_backends!(a_pending_command_is_decided_after_its_request);

async fn a_pending_command_is_decided_after_its_request(env: TestEnvironment) {
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let ana = server.api.new_person("Ana").await;
    let beto = server.api.new_person("Beto").await;
    let video = env.publish_videos(&ana, 1).await[0];
    assert!(server.interrupt().await.success());

    let deadline = [("VERDICT_DEADLINE_MS", "100")];
    let server = Server::start_with(&env, Roles::Api, free_port(), &deadline).await;
    let api = &server.api;
    let counted = command_token(&api.vote(&ana, video).await);
    let again = command_token(&api.vote(&ana, video).await);
    let deletion = command_token(&api.delete(&ana, video).await);
    let other = command_token(&api.vote(&beto, video).await);
    for token in [&counted, &again, &deletion, &other] {
        assert_eq!(command_status(api, token).await["status"], "pending");
    }

    let _projector = Server::launch(&env, Roles::Projector, free_port(), &[]);
    let counted = wait_for_verdict(api, &counted).await;
    assert_eq!(counted["status"], "accepted", "{counted}");
    assert!(counted["total_votes"].is_u64(), "{counted}");
    let other = wait_for_verdict(api, &other).await;
    assert_eq!((&other["status"], &other["total_votes"]), (&"accepted".into(), &2.into()));
    for (token, code) in [(&again, "already_voted"), (&deletion, "has_votes")] {
        let rejected = wait_for_verdict(api, token).await;
        assert_eq!(rejected["status"], "rejected", "{rejected}");
        assert!(rejected.to_string().contains(code), "{rejected}");
    }
    assert_eq!(api.video(&ana, video).await.expect(200)["votes"], 2);
}

fn command_token(response: &ApiResponse) -> String {
    let accepted = response.expect(202);
    let token = accepted["command_token"].as_str().unwrap();
    assert_eq!(accepted["status_url"], format!("/api/commands/{token}"));
    assert_eq!(response.header("location"), accepted["status_url"].as_str());
    token.to_owned()
}

async fn command_status(api: &ApiClient, token: &str) -> Value {
    api.fetch(&format!("/api/commands/{token}")).await.expect(200)
}

async fn wait_for_verdict(api: &ApiClient, token: &str) -> Value {
    eventually("the command is decided", async || {
        let status = command_status(api, token).await;
        (status["status"] != "pending").then_some(status)
    })
    .await
}
