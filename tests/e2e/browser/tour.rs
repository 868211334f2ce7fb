//! Draws the pictures of `docs/screenshots`: `scripts/screenshots.sh`.

use std::path::PathBuf;

use domain::VideoId;
use uuid::Uuid;

use super::Look;
use crate::e2e::harness::chromium::Browser;
use crate::e2e::harness::{Person, Roles, Server, Upload, World, clip};

/// A contest that has been going on for a while.
struct Contest {
    world: World,
    server: Server,
    artist: Person,
}

impl Contest {
    async fn set() -> Self {
        let world = World::embedded().await;
        let server = Server::start(&world, Roles::NoTranscoder).await;
        let demo = ["demo", "--direct", "--artists", "60", "--fans", "400", "--votes", "4000"];
        let filled = world.anb(&demo).output().await.unwrap();
        assert!(filled.status.success(), "{filled:?}");
        world.caught_up().await;
        let artist = server.api.somebody_from("Valentina", "Cartagena", "Colombia").await;
        world.published(&artist, 2).await;
        for title in ["Bambuco en vivo", "Ensayo en la terraza"] {
            let upload = Upload { title: Some(title.to_owned()), ..Upload::of(clip::real()) };
            server.api.upload(&artist, upload).await.ok(201);
        }
        age(&world).await;
        world.furnish().await;
        Self { world, server, artist }
    }
}

/// Spreads over some days what has happened within seconds, and lets a video fail.
async fn age(world: &World) {
    for sql in [
        "update videos set uploaded_at = uploaded_at - interval '9 days' * random(),
                ended_at = ended_at - interval '9 days'",
        "update votes set cast_at = cast_at - interval '9 days' * power(random(), 1.6)",
    ] {
        sqlx::query(sql).execute(&world.pool).await.unwrap();
    }
    let waiting = "select video_id from transcode_jobs order by queued_at limit 1";
    let waiting: Uuid = sqlx::query_scalar(waiting).fetch_one(&world.pool).await.unwrap();
    world.fail(VideoId(waiting)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "draws pictures; scripts/screenshots.sh runs it"]
async fn draw_every_page() {
    let folder = PathBuf::from(std::env::var_os("SCREENSHOTS").expect("SCREENSHOTS: a folder"));
    let contest = Contest::set().await;
    let grant = ["operator", "grant", &contest.artist.email];
    assert!(contest.world.anb(&grant).status().await.unwrap().success());
    let leading = "select video_id from videos order by votes desc limit 1";
    let leading: Uuid = sqlx::query_scalar(leading).fetch_one(&contest.world.pool).await.unwrap();
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
    for (look, name) in [
        (Look::DESKTOP, "desktop-light"),
        (Look::DESKTOP_DARK, "desktop-dark"),
        (Look::PHONE_LIGHT, "phone-light"),
        (Look::PHONE, "phone-dark"),
    ] {
        let browser = Browser::open(&contest.server.api, look).await;
        let keep = async |page: &str| {
            // Pictures that come late are fetched, and what moves has come to rest.
            let still = "const done = arguments[arguments.length - 1];
                document.querySelectorAll('img').forEach((img) => { img.loading = 'eager'; });
                setTimeout(done, 600);";
            browser.run_to_its_end(still, Vec::new()).await;
            let file = folder.join(format!("{page}-{name}.webp"));
            std::fs::write(file, browser.picture().await).unwrap();
        };
        for (page, path) in open {
            browser.go(path).await;
            keep(page).await;
        }
        browser.go("/sign-up").await;
        keep("sign-up").await;
        browser.fill("email", "nadie").await;
        browser.click("main form button").await;
        browser.see(".problem").await;
        keep("errors").await;
        browser.sign_in(&contest.artist).await;
        for (page, path) in own {
            browser.go(path).await;
            keep(page).await;
        }
        browser.close().await;
    }
}
