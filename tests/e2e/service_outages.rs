//! Outages of the broker and the database: 503 with `Retry-After`, and automatic recovery.

use test_services::{KafkaTopic, OwnKafka, OwnPostgres, kafka_broker};

use super::harness::client::SendRequest;
use super::harness::{ApiClient, Roles, Server, TestEnvironment, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_outage_answers_503_and_recovers() {
    // On this thread: the broker ends with the thread that started it.
    let mut broker = OwnKafka::start().unwrap();
    let topic = KafkaTopic { brokers: broker.brokers(), topic: kafka_broker::fresh_topic() };
    let env = TestEnvironment::cluster_with_broker(topic).await;
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.new_person("Ana").await;
    let videos = env.publish_videos(&ana, 2).await;
    api.vote(&ana, videos[0]).await.expect(200);

    broker.kill();
    let refused = api.vote_request(&ana, videos[1]).header("idempotency-key", "retry");
    assert_retry_after(&refused.response().await);
    wait_until_not_ready(api).await;
    api.fetch("/api/public/rankings").await.expect(200);
    api.fetch("/api/public/videos").await.expect(200);
    api.fetch("/health").await.expect(200);

    broker.restart().unwrap();
    wait_until_ready(api).await;
    let total = eventually("votes are accepted again", async || {
        let vote = api.vote_request(&ana, videos[1]).header("idempotency-key", "retry");
        let response = vote.response().await;
        match response.status {
            200 => Some(response.expect(200)["total_votes"].clone()),
            _ => None,
        }
    })
    .await;
    assert_eq!(total, 1, "the first try and the retry are two votes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_outage_answers_503_and_recovers() {
    let mut postgres = OwnPostgres::start().await.unwrap();
    let env =
        TestEnvironment::embedded_with_database(&postgres.database_url().await.unwrap()).await;
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.new_person("Ana").await;
    let videos = env.publish_videos(&ana, 2).await;
    api.vote(&ana, videos[0]).await.expect(200);

    postgres.kill();
    let refused = api.vote_request(&ana, videos[1]).header("idempotency-key", "retry");
    assert_retry_after(&refused.response().await);
    wait_until_not_ready(api).await;
    api.fetch("/health").await.expect(200);

    postgres.restart().await.unwrap();
    wait_until_ready(api).await;
    let vote = api.vote_request(&ana, videos[1]).header("idempotency-key", "retry");
    assert_eq!(vote.response().await.expect(200)["total_votes"], 1);
    assert_eq!(api.video(&ana, videos[0]).await.expect(200)["votes"], 1, "a vote is lost");
}

#[track_caller]
fn assert_retry_after(response: &super::harness::ApiResponse) {
    let body = response.expect(503);
    assert!(body["code"].is_string(), "{body}");
    let after = response.header("retry-after").expect("Retry-After");
    assert!(after.parse::<u32>().is_ok(), "{after}");
}

async fn wait_until_not_ready(api: &ApiClient) {
    eventually("it is not ready", async || (api.fetch("/ready").await.status == 503).then_some(()))
        .await;
}

async fn wait_until_ready(api: &ApiClient) {
    eventually("it is ready again", async || {
        (api.fetch("/ready").await.status == 200).then_some(())
    })
    .await;
}
