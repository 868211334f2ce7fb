//! Takes the screenshots of `docs/screenshots`: `scripts/screenshots.sh`.

use std::path::PathBuf;

use domain::VideoId;
use test_contests::Size;
use uuid::Uuid;

use crate::e2e::harness::chromium::{Browser, BrowserProfile};
use crate::e2e::harness::{Person, Roles, Server, TestEnvironment, Upload, clip};

/// A contest with some days of history.
struct DemoContest {
    env: TestEnvironment,
    server: Server,
    artist: Person,
}

impl DemoContest {
    async fn set_up() -> Self {
        let env = TestEnvironment::embedded().await;
        let server = Server::start(&env, Roles::NoTranscoder).await;
        let size = Size { artists: 60, fans: 400, votes: 4_000 };
        test_contests::append(&env.pool, env.log.as_ref(), size).await.unwrap();
        env.wait_until_caught_up().await;
        let artist = server.api.new_person_from("Valentina", "Cartagena", "Colombia").await;
        env.publish_videos(&artist, 2).await;
        for title in ["Bambuco en vivo", "Ensayo en la terraza"] {
            let upload = Upload { title: Some(title.to_owned()), ..Upload::of(clip::real()) };
            server.api.upload(&artist, upload).await.expect(201);
        }
        spread_over_days(&env).await;
        env.store_published_files().await;
        Self { env, server, artist }
    }
}

/// Spreads the uploads and votes of some seconds over days, and lets a video fail.
async fn spread_over_days(env: &TestEnvironment) {
    for sql in [
        "update videos set uploaded_at = uploaded_at - interval '9 days' * random(),
                ended_at = ended_at - interval '9 days'",
        "update votes set cast_at = cast_at - interval '9 days' * power(random(), 1.6)",
    ] {
        sqlx::query(sql).execute(&env.pool).await.unwrap();
    }
    let waiting = "select video_id from transcode_jobs order by queued_at limit 1";
    let waiting: Uuid = sqlx::query_scalar(waiting).fetch_one(&env.pool).await.unwrap();
    env.fail_processing(VideoId(waiting)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes screenshots; scripts/screenshots.sh runs it"]
async fn take_screenshots_of_every_page() {
    let folder = PathBuf::from(std::env::var_os("SCREENSHOTS").expect("SCREENSHOTS: a folder"));
    let contest = DemoContest::set_up().await;
    contest.env.run(&["operator", "grant", &contest.artist.email]).await.unwrap();
    let leading = "select video_id from videos order by votes desc limit 1";
    let leading: Uuid = sqlx::query_scalar(leading).fetch_one(&contest.env.pool).await.unwrap();
    let player = format!("/videos/{leading}");
    let open = [
        ("ranking", "/"),
        ("place", "/?country=Colombia"),
        ("search", "/?q=ma"),
        ("nobody", "/?q=xyz"),
        ("gallery", "/videos?order_by=votes"),
        ("player", player.as_str()),
        ("sign-in", "/sign-in"),
        ("unknown", "/nowhere"),
    ];
    let own = [
        ("around-me", "/?artist=me"),
        ("upload", "/me/upload"),
        ("my-videos", "/me/videos"),
        ("vote", player.as_str()),
        ("account", "/me/account"),
        ("operations", "/operations"),
    ];
    for (profile, name) in [
        (BrowserProfile::DESKTOP, "desktop-light"),
        (BrowserProfile::DESKTOP_DARK, "desktop-dark"),
        (BrowserProfile::PHONE_LIGHT, "phone-light"),
        (BrowserProfile::PHONE, "phone-dark"),
    ] {
        let browser = Browser::open(&contest.server.api, profile).await;
        let save = async |page: &str| {
            // Loads lazy images, and waits until animations have ended.
            let still = "const done = arguments[arguments.length - 1];
                document.querySelectorAll('img').forEach((img) => { img.loading = 'eager'; });
                setTimeout(done, 600);";
            browser.execute_async(still, Vec::new()).await;
            let file = folder.join(format!("{page}-{name}.webp"));
            std::fs::write(file, browser.screenshot().await).unwrap();
        };
        for (page, path) in open {
            browser.open_page(path).await;
            save(page).await;
        }
        browser.open_page("/sign-up").await;
        save("sign-up").await;
        browser.fill("email", "nadie").await;
        browser.click("main form button").await;
        browser.find(".problem").await;
        save("errors").await;
        browser.sign_in(&contest.artist).await;
        for (page, path) in own {
            browser.open_page(path).await;
            save(page).await;
        }
        browser.close().await;
    }
}
