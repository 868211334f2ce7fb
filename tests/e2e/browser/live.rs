//! What moves by itself.

use std::time::{Duration, Instant};

use super::{Look, Stage};
use crate::e2e::harness::server::free_port;
use crate::e2e::harness::{Roles, Server};

/// The votes of an artist, as the row on the page says.
fn votes(artist: domain::AccountId) -> String {
    format!("tr[data-artist='{artist}'] .votes")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_browsers_see_a_vote_within_a_second() {
    let stage = Stage::set().await;
    let [first, second] = [stage.browser(Look::DESKTOP).await, stage.browser(Look::PHONE).await];
    for browser in [&first, &second] {
        browser.go("/").await;
        browser.read("#live", "En vivo").await;
        browser.read("#rows tr:first-child .name", "Ana").await;
    }
    let beto = stage.artists[1].id;
    // The fastest of some: browsers of other tests may be busy on the same machine.
    let mut fastest = Duration::MAX;
    for count in 1..=5 {
        let fan = stage.server.api.somebody(&format!("Fan {count}")).await;
        let voted = Instant::now();
        stage.server.api.vote(&fan, stage.videos[1]).await.ok(200);
        for browser in [&first, &second] {
            browser.read(&votes(beto), &count.to_string()).await;
        }
        fastest = fastest.min(voted.elapsed());
    }
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
    for browser in [&first, &second] {
        browser.read("#rows tr:first-child .name", "Beto").await;
        browser.read("#rows tr:first-child .place", "1").await;
        browser.read("#rows tr:nth-child(2) .place", "2").await;
    }
    first.close().await;
    second.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_artist_comes_onto_the_page() {
    let stage = Stage::set().await;
    let browser = stage.browser(Look::DESKTOP).await;
    browser.go("/").await;
    browser.read("#live", "En vivo").await;
    let dora = stage.server.api.somebody_from("Dora", "Quito", "Ecuador").await;
    stage.world.published(&dora, 1).await;
    browser.read("#rows tr:nth-child(4) .name", "Dora").await;
    browser.read("#rows tr:nth-child(4) .origin", "Quito, Ecuador").await;
    browser.read("#total", "4").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_server_is_survived() {
    let mut stage = Stage::set().await;
    let port = free_port();
    stage.server = Server::start_with(&stage.world, Roles::NoTranscoder, port, &[]).await;
    let browser = stage.browser(Look::DESKTOP).await;
    browser.go("/").await;
    browser.read("#live", "En vivo").await;
    stage.server.kill().await;
    browser.read("#live", "Reconectando").await;
    stage.server = Server::start_with(&stage.world, Roles::NoTranscoder, port, &[]).await;
    let fan = stage.server.api.somebody("Fan").await;
    stage.server.api.vote(&fan, stage.videos[0]).await.ok(200);
    browser.read(&votes(stage.artists[0].id), "2").await;
    browser.read("#live", "En vivo").await;
    browser.close().await;
}
