//! When a service is away: 503 with `Retry-After`, and recovery without help.

use test_services::{KafkaTopic, OwnKafka, OwnPostgres, kafka_broker};

use super::harness::client::Ask;
use super::harness::{Api, Roles, Server, World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_goes_and_comes_back() {
    let mut broker = tokio::task::spawn_blocking(OwnKafka::start).await.unwrap().unwrap();
    let topic = KafkaTopic { brokers: broker.brokers(), topic: kafka_broker::fresh_topic() };
    let world = World::cluster_on(topic).await;
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.somebody("Ana").await;
    let videos = world.published(&ana, 2).await;
    api.vote(&ana, videos[0]).await.ok(200);

    broker.kill();
    let refused = api.vote_request(&ana, videos[1]).header("idempotency-key", "retry");
    says_when_to_retry(&refused.answer().await);
    not_ready(api).await;
    api.fetch("/api/public/rankings").await.ok(200);
    api.fetch("/api/public/videos").await.ok(200);
    api.fetch("/health").await.ok(200);

    let broker = tokio::task::spawn_blocking(move || broker.restart().map(|()| broker));
    let _broker = broker.await.unwrap().unwrap();
    ready(api).await;
    let total = eventually("votes are taken again", async || {
        let vote = api.vote_request(&ana, videos[1]).header("idempotency-key", "retry");
        let answer = vote.answer().await;
        match answer.status {
            200 => Some(answer.ok(200)["total_votes"].clone()),
            _ => None,
        }
    })
    .await;
    assert_eq!(total, 1, "the first try and the retry are one vote");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_goes_and_comes_back() {
    let mut postgres = OwnPostgres::start().await.unwrap();
    let world = World::embedded_on(&postgres.database_url().await.unwrap()).await;
    let server = Server::start(&world, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.somebody("Ana").await;
    let videos = world.published(&ana, 2).await;
    api.vote(&ana, videos[0]).await.ok(200);

    postgres.kill();
    let refused = api.vote_request(&ana, videos[1]).header("idempotency-key", "retry");
    says_when_to_retry(&refused.answer().await);
    not_ready(api).await;
    api.fetch("/health").await.ok(200);

    postgres.restart().await.unwrap();
    ready(api).await;
    let vote = api.vote_request(&ana, videos[1]).header("idempotency-key", "retry");
    assert_eq!(vote.answer().await.ok(200)["total_votes"], 1);
    assert_eq!(api.video(&ana, videos[0]).await.ok(200)["votes"], 1, "nothing is lost");
}

#[track_caller]
fn says_when_to_retry(answer: &super::harness::Answer) {
    let body = answer.ok(503);
    assert!(body["code"].is_string(), "{body}");
    let after = answer.header("retry-after").expect("Retry-After");
    assert!(after.parse::<u32>().is_ok(), "{after}");
}

async fn not_ready(api: &Api) {
    eventually("it is not ready", async || (api.fetch("/ready").await.status == 503).then_some(()))
        .await;
}

async fn ready(api: &Api) {
    eventually("it is ready again", async || {
        (api.fetch("/ready").await.status == 200).then_some(())
    })
    .await;
}
