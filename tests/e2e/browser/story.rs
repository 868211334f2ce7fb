//! The whole story of an artist and a voter.

use super::{Look, Stage};
use crate::e2e::harness::chromium::Browser;
use crate::e2e::harness::client::{PASSWORD, new_email};
use crate::e2e::harness::{Roles, Server, World, clip, eventually};

const SIGN_UP: [(&str, &str); 6] = [
    ("first_name", "Ana"),
    ("last_name", "Rincón"),
    ("password1", PASSWORD),
    ("password2", PASSWORD),
    ("city", "Cali"),
    ("country", "Colombia"),
];

async fn sign_up(browser: &Browser, name: &str) {
    browser.go("/sign-up").await;
    browser.fill("email", &new_email(name)).await;
    for (field, text) in SIGN_UP {
        browser.fill(field, text).await;
    }
    browser.click("main form button").await;
    browser.see("#upload").await;
}

async fn story(look: Look) {
    let world = World::embedded().await;
    let server = Server::start(&world, Roles::All).await;
    let file = world.folder().join("clip.mp4");
    std::fs::write(&file, clip::real()).unwrap();

    let artist = Browser::open(&server.api, look).await;
    sign_up(&artist, "Artist").await;
    artist.fill("title", "Mi canción").await;
    artist.fill("file", file.to_str().unwrap()).await;
    artist.click("#send").await;
    artist.see("article.video").await;
    assert!(artist.place().await.starts_with("/me/videos"), "{}", artist.place().await);
    eventually("the video is on stage", async || {
        // With scripts the page renews itself; without them a person does.
        if !look.scripts {
            artist.go("/me/videos").await;
        }
        let video = artist.see("article.video").await;
        let status = video.attr("data-status").await.ok()??;
        (status == "processed").then_some(())
    })
    .await;
    artist.click("article.video h2 a").await;
    artist.read("h1", "Mi canción").await;
    let video = artist.place().await;
    if look.scripts {
        let plays = "const film = document.querySelector('.screen video');
            if (film.paused) { film.muted = true; film.play(); }
            return film.currentTime > 0";
        artist.until("the film plays", plays).await;
        let kinds = "return [...document.querySelectorAll('.screen source')].map((s) => s.type)";
        let stream = "application/vnd.apple.mpegurl";
        assert_eq!(artist.run(kinds).await, serde_json::json!([stream, "video/mp4"]));
    }

    let voter = Browser::open(&server.api, look).await;
    sign_up(&voter, "Voter").await;
    voter.go(&video).await;
    voter.click("#ballot button").await;
    voter.read("#ballot", "Ya votaste").await;
    voter.read("#ballot .votes", "1").await;
    eventually("the ranking says so", async || {
        voter.go("/").await;
        let first = voter.see("#rows tr:first-child").await.text().await.ok()?;
        (first.contains("Ana Rincón") && first.trim_end().ends_with('1')).then_some(())
    })
    .await;
    voter.click(".banner form[action='/sign-out'] button").await;
    voter.see(".banner a[href='/sign-in']").await;
    voter.close().await;
    artist.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artist_and_a_voter() {
    story(Look::DESKTOP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artist_and_a_voter_without_scripts() {
    story(Look::WITHOUT_SCRIPTS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_with_nothing_but_a_keyboard() {
    const TAB: &str = "\u{E004}";
    const ENTER: &str = "\u{E007}";
    let stage = Stage::set().await;
    let browser = stage.browser(Look::DESKTOP).await;
    browser.go(&format!("/sign-in?next=/videos/{}", stage.videos[1])).await;
    browser.press(TAB).await;
    assert_eq!(browser.run("return document.activeElement.className").await, "skip");
    let focus = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(browser.run(focus).await, "solid", "one sees where the focus is");
    browser.press(ENTER).await;
    browser.press(TAB).await;
    assert_eq!(browser.run("return document.activeElement.id").await, "email");
    browser.press(&stage.artists[2].email).await;
    browser.press(TAB).await;
    browser.press(PASSWORD).await;
    browser.press(ENTER).await;
    browser.see("#ballot form button").await;
    for _ in 0..40 {
        browser.press(TAB).await;
        if browser.run("return document.activeElement.matches('#ballot button')").await == true {
            break;
        }
    }
    browser.press(ENTER).await;
    browser.read("#ballot", "Ya votaste").await;
    browser.close().await;
}
