//! The database changes under a running system: it becomes read-only, fails over, ends sessions, or its
//! connections go silent. The system recovers by itself, and no vote is lost or counted twice.

use std::time::{Duration, Instant};

use domain::VideoId;
use sqlx::AssertSqlSafe;
use test_services::OwnPostgres;

use super::harness::client::{SendRequest, new_email, registration};
use super::harness::server::free_port;
use super::harness::silent_proxy::SilentProxy;
use super::harness::{ApiClient, Person, Roles, Server, TestEnvironment, eventually};

/// Bounds the recovery without a person.
const RECOVERY_LIMIT: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_phase_ends_without_a_person() {
    let postgres = OwnPostgres::start().await.unwrap();
    let url = postgres.database_url().await.unwrap();
    let env = TestEnvironment::cluster_with_database(&url).await;
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.new_person("Ana").await;
    let videos = env.publish_videos(&ana, 2).await;
    api.vote(&ana, videos[0]).await.expect(200);

    postgres.set_read_only(true).await.unwrap();
    let pending = vote_once(api, &ana, videos[1]).await;
    assert!([202, 503].contains(&pending), "{pending}");
    let refused = api.sign_up(&registration(&new_email("Beto"))).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    eventually("it is not ready", async || (api.fetch("/ready").await.status == 503).then_some(()))
        .await;
    api.fetch("/api/public/rankings").await.expect(200);

    postgres.set_read_only(false).await.unwrap();
    recovers(&[api], &ana, videos[1]).await;
    assert_each_vote_counts_once(&env, api, &ana, &videos).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fail_over_to_a_standby_needs_no_person() {
    let primary = OwnPostgres::start().await.unwrap();
    let (proxy, url) = SilentProxy::in_front_of(&primary.database_url().await.unwrap()).await;
    let env = TestEnvironment::cluster_with_database(&url).await;
    let standby = primary.standby().await.unwrap();
    let projector = Server::launch(&env, Roles::Projector, free_port(), &[]);
    let server = Server::start(&env, Roles::Api).await;
    let api = &server.api;
    let ana = api.new_person("Ana").await;
    let videos = env.publish_videos(&ana, 2).await;
    api.vote(&ana, videos[0]).await.expect(200);

    // The demoted server keeps its sessions: they can read for ever, and see no change.
    primary.set_read_only(true).await.unwrap();
    standby.promote_after(&primary).await.unwrap();
    proxy.lead_to(standby.port());

    recovers(&[api], &ana, videos[1]).await;
    assert_each_vote_counts_once(&env, api, &ana, &videos).await;
    drop(projector);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_go_silent_are_replaced() {
    let (proxy, url) = SilentProxy::in_front_of(&test_services::database_url().await).await;
    // The log is in the same database, so its connections go silent, too.
    let env = TestEnvironment::embedded_with_database(&url).await;
    let projector = Server::launch(&env, Roles::Projector, free_port(), &[]);
    let server = Server::start(&env, Roles::Api).await;
    let api = &server.api;
    let ana = api.new_person("Ana").await;
    let videos = env.publish_videos(&ana, 2).await;
    api.vote(&ana, videos[0]).await.expect(200);

    proxy.silence();

    recovers(&[api], &ana, videos[1]).await;
    assert_each_vote_counts_once(&env, api, &ana, &videos).await;
    let metrics = api.fetch("/metrics").await;
    assert!(metrics.text().contains("anb_timeouts_total{operation="), "{}", metrics.text());
    drop(projector);
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_sessions_are_opened_again() {
    let postgres = OwnPostgres::start().await.unwrap();
    let url = postgres.database_url().await.unwrap();
    let env = TestEnvironment::embedded_with_database(&url).await;
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.new_person("Ana").await;
    let videos = env.publish_videos(&ana, 4).await;
    for video in &videos {
        // 57P01, on every connection at once.
        assert!(postgres.terminate_sessions().await.unwrap() > 3);
        recovers(&[api], &ana, *video).await;
    }
    assert_each_vote_counts_once(&env, api, &ana, &videos).await;
}

/// During an upgrade a later version has migrated the schema, while statements of this one are prepared.
#[tokio::test(flavor = "multi_thread")]
async fn one_column_more_in_every_table_changes_nothing() {
    let env = TestEnvironment::embedded().await;
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let api = &server.api;
    let ana = api.new_person("Ana").await;
    let videos = env.publish_videos(&ana, 3).await;
    api.vote(&ana, videos[0]).await.expect(200);

    let tables: Vec<String> = sqlx::query_scalar(
        "select quote_ident(table_name) from information_schema.tables
         where table_schema = 'public' and table_type = 'BASE TABLE'",
    )
    .fetch_all(&env.pool)
    .await
    .unwrap();
    assert!(tables.len() > 12, "{tables:?}");
    for table in tables {
        let sql = format!("alter table {table} add column one_more text");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&env.pool).await.unwrap();
        api.fetch("/api/public/rankings").await.expect(200);
    }
    for video in &videos[1..] {
        api.vote(&ana, *video).await.expect(200);
    }
    api.new_person("Beto").await;
    assert_each_vote_counts_once(&env, api, &ana, &videos).await;
}

/// Each process accepts the vote, a sign-up, and shows the vote on its ranking, within the limit.
async fn recovers(apis: &[&ApiClient], voter: &Person, video: VideoId) {
    let began = Instant::now();
    for api in apis {
        eventually("a vote is accepted", async || {
            (vote_once(api, voter, video).await == 200).then_some(())
        })
        .await;
        let person = registration(&new_email("Beto"));
        eventually("a sign-up is accepted", async || {
            // The first try may have succeeded without an answer.
            [201, 400].contains(&api.sign_up(&person).await.status).then_some(())
        })
        .await;
    }
    let took = began.elapsed();
    println!("recovered after {:.1} s", took.as_secs_f64());
    assert!(took < RECOVERY_LIMIT, "recovered after {took:?}");
}

/// The status of a vote under the same key each time; 0 without an answer.
async fn vote_once(api: &ApiClient, voter: &Person, video: VideoId) -> u16 {
    let vote = api.vote_request(voter, video).header("idempotency-key", video.to_string());
    vote.try_response().await.map_or(0, |response| response.status)
}

async fn assert_each_vote_counts_once(
    env: &TestEnvironment,
    api: &ApiClient,
    owner: &Person,
    videos: &[VideoId],
) {
    for video in videos {
        assert_eq!(api.video(owner, *video).await.expect(200)["votes"], 1, "{video}");
    }
    env.wait_until_caught_up().await;
    eventually("the ranking shows every vote", async || {
        let ranking = api.fetch("/api/public/rankings").await.expect(200);
        let shown: i64 =
            ranking["rankings"].as_array()?.iter().filter_map(|row| row["votes"].as_i64()).sum();
        (shown == videos.len() as i64).then_some(())
    })
    .await;
}
