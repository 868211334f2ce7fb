//! Crashes of the server under a load of votes.

use std::ops::RangeInclusive;
use std::time::Duration;

use rand::RngExt;

use super::harness::load_balancer::LoadBalancer;
use super::harness::server::free_port;
use super::harness::vote_load::{VoteLoad, assert_ranking_shows_every_vote};
use super::harness::{Roles, Server, TestEnvironment, eventually};

const CLIENTS: usize = 32;
const KILLS: usize = 20;
const VIDEOS: usize = 600;
const ARTISTS: usize = 4;
/// Time from readiness to the kill, in milliseconds.
const LIFETIME_MS: RangeInclusive<u64> = 50..=1_200;

test_on_both_backends!(no_vote_is_lost_or_counted_twice_when_the_server_is_killed);

async fn no_vote_is_lost_or_counted_twice_when_the_server_is_killed(env: TestEnvironment) {
    let port = free_port();
    let mut server = Server::start_with(&env, Roles::NoTranscoder, port, &[]).await;
    let voters = server.api.new_people(CLIENTS).await;
    let mut videos = Vec::new();
    for artist in &voters[..ARTISTS] {
        videos.extend(env.publish_videos(artist, VIDEOS / ARTISTS).await);
    }

    let vote_load = VoteLoad::start(&LoadBalancer::over([&server.api]), voters, &videos);
    for _ in 0..KILLS {
        let before = vote_load.acknowledged();
        let lifetime = Duration::from_millis(rand::rng().random_range(LIFETIME_MS));
        tokio::time::sleep(lifetime).await;
        eventually("a vote is accepted between two kills", async || {
            (vote_load.acknowledged() > before).then_some(())
        })
        .await;
        server.kill().await;
        server = Server::start_with(&env, Roles::NoTranscoder, port, &[]).await;
    }
    let replies = vote_load.stop().await;

    assert!(replies.accepted.len() > 10 * KILLS, "too few votes: {}", replies.accepted.len());
    env.wait_until_caught_up().await;
    replies.assert_match_counted_votes(&env).await;
    assert_ranking_shows_every_vote(&server.api, &env).await;
    assert!(server.interrupt().await.success());
    let live = env.checksums().await;
    assert_eq!(env.rebuild().await, live, "the rebuild differs");
}
