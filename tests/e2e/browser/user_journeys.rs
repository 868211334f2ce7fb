//! The journeys of an artist and a voter, from signing up to the ranking.

use super::fixture::ContestFixture;
use crate::e2e::harness::chromium::{Browser, BrowserProfile};
use crate::e2e::harness::client::{PASSWORD, new_email};
use crate::e2e::harness::{Roles, Server, TestEnvironment, clip, eventually};

const SIGN_UP: [(&str, &str); 6] = [
    ("first_name", "Ana"),
    ("last_name", "Rincón"),
    ("password1", PASSWORD),
    ("password2", PASSWORD),
    ("city", "Cali"),
    ("country", "Colombia"),
];

async fn sign_up(browser: &Browser, name: &str) {
    browser.open_page("/sign-up").await;
    browser.fill("email", &new_email(name)).await;
    for (field, text) in SIGN_UP {
        browser.fill(field, text).await;
    }
    browser.click("main form button").await;
    browser.find("#upload").await;
}

async fn upload_and_vote(profile: BrowserProfile) {
    let env = TestEnvironment::embedded().await;
    let server = Server::start(&env, Roles::All).await;
    let file = env.folder().join("clip.mp4");
    std::fs::write(&file, clip::real()).unwrap();

    let artist = Browser::open(&server.api, profile).await;
    sign_up(&artist, "Artist").await;
    artist.fill("title", "Mi canción").await;
    artist.fill("file", file.to_str().unwrap()).await;
    artist.click("#send").await;
    artist.find("article.video").await;
    assert!(
        artist.current_path().await.starts_with("/me/videos"),
        "{}",
        artist.current_path().await
    );
    eventually("the video is published", async || {
        // Without scripts the page does not refresh itself.
        if !profile.scripts {
            artist.open_page("/me/videos").await;
        }
        let video = artist.find("article.video").await;
        let status = video.attr("data-status").await.ok()??;
        (status == "processed").then_some(())
    })
    .await;
    artist.click("article.video h2 a").await;
    artist.wait_for_text("h1", "Mi canción").await;
    let video = artist.current_path().await;
    if profile.scripts {
        let plays = "const film = document.querySelector('.screen video');
            if (film.paused) { film.muted = true; film.play(); }
            return film.currentTime > 0";
        artist.wait_until("the film plays", plays).await;
        let kinds = "return [...document.querySelectorAll('.screen source')].map((s) => s.type)";
        let stream = "application/vnd.apple.mpegurl";
        assert_eq!(artist.execute(kinds).await, serde_json::json!([stream, "video/mp4"]));
    }

    let voter = Browser::open(&server.api, profile).await;
    sign_up(&voter, "Voter").await;
    voter.open_page(&video).await;
    voter.click("#ballot button").await;
    voter.wait_for_text("#ballot", "Ya votaste").await;
    voter.wait_for_text("#ballot .votes", "1").await;
    eventually("the ranking shows the vote", async || {
        voter.open_page("/").await;
        let first = voter.find("#rows tr:first-child").await.text().await.ok()?;
        (first.contains("Ana Rincón") && first.trim_end().ends_with('1')).then_some(())
    })
    .await;
    voter.click(".banner form[action='/sign-out'] button").await;
    voter.find(".banner a[href='/sign-in']").await;
    voter.close().await;
    artist.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artist_uploads_and_a_voter_votes() {
    upload_and_vote(BrowserProfile::DESKTOP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artist_uploads_and_a_voter_votes_without_scripts() {
    upload_and_vote(BrowserProfile::WITHOUT_SCRIPTS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_can_vote_with_the_keyboard_alone() {
    const TAB: &str = "\u{E004}";
    const ENTER: &str = "\u{E007}";
    let fixture = ContestFixture::set_up().await;
    let browser = fixture.open_browser(BrowserProfile::DESKTOP).await;
    browser.open_page(&format!("/sign-in?next=/videos/{}", fixture.videos[1])).await;
    browser.press(TAB).await;
    assert_eq!(browser.execute("return document.activeElement.className").await, "skip");
    let focus = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(browser.execute(focus).await, "solid", "one sees where the focus is");
    browser.press(ENTER).await;
    browser.press(TAB).await;
    assert_eq!(browser.execute("return document.activeElement.id").await, "email");
    browser.press(&fixture.artists[2].email).await;
    browser.press(TAB).await;
    browser.press(PASSWORD).await;
    browser.press(ENTER).await;
    browser.find("#ballot form button").await;
    for _ in 0..40 {
        browser.press(TAB).await;
        if browser.execute("return document.activeElement.matches('#ballot button')").await == true
        {
            break;
        }
    }
    browser.press(ENTER).await;
    browser.wait_for_text("#ballot", "Ya votaste").await;
    browser.close().await;
}
