//! Votes stream in while the server is killed, again and again.

use std::ops::RangeInclusive;
use std::time::Duration;

use rand::RngExt;

use super::harness::balancer::Balancer;
use super::harness::ballot::{Ballot, check_the_board};
use super::harness::server::free_port;
use super::harness::{Roles, Server, World, eventually};

const CLIENTS: usize = 32;
const KILLS: usize = 20;
const VIDEOS: usize = 600;
const ARTISTS: usize = 4;
/// How long a server lives, counted from its being ready, in milliseconds.
const LIFETIME: RangeInclusive<u64> = 50..=1_200;

on_both!(no_vote_is_lost_or_counted_twice_however_often_the_server_dies);

async fn no_vote_is_lost_or_counted_twice_however_often_the_server_dies(world: World) {
    let port = free_port();
    let mut server = Server::start_with(&world, Roles::NoTranscoder, port, &[]).await;
    let voters = server.api.crowd(CLIENTS).await;
    let mut videos = Vec::new();
    for artist in &voters[..ARTISTS] {
        videos.extend(world.published(artist, VIDEOS / ARTISTS).await);
    }

    let ballot = Ballot::open(&Balancer::over([&server.api]), voters, &videos);
    for _ in 0..KILLS {
        let before = ballot.acknowledged();
        let lives = Duration::from_millis(rand::rng().random_range(LIFETIME));
        tokio::time::sleep(lives).await;
        eventually("a vote comes through between two deaths", async || {
            (ballot.acknowledged() > before).then_some(())
        })
        .await;
        server.kill().await;
        server = Server::start_with(&world, Roles::NoTranscoder, port, &[]).await;
    }
    let told = ballot.close().await;

    assert!(told.counted.len() > 10 * KILLS, "hardly a stream: {} votes", told.counted.len());
    world.caught_up().await;
    told.check(&world).await;
    check_the_board(&server.api, &world).await;
    assert!(server.interrupt().await.success());
    let live = world.checksums().await;
    assert_eq!(world.rebuilt().await, live, "a rebuild comes to the same");
}
