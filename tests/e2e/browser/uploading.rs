//! Uploads on a bad line: our own page, and the client that others use.

use std::path::PathBuf;
use std::time::Duration;

use rand::RngExt;

use super::{Browser, Look};
use crate::e2e::harness::client::Ask;
use crate::e2e::harness::line::Line;
use crate::e2e::harness::{Person, Roles, Server, World, clip, eventually};

const SIZE: usize = 3 * 1024 * 1024;
/// How often the client of others is cut off.
const CUTS: usize = 24;

/// Somebody at a browser, on a line that can be broken, with a file.
struct Desk {
    world: World,
    server: Server,
    line: Line,
    browser: Browser,
    ana: Person,
    clip: Vec<u8>,
    file: PathBuf,
}

impl Desk {
    async fn set() -> Self {
        let world = World::embedded().await;
        let server = Server::start(&world, Roles::NoTranscoder).await;
        let ana = server.api.somebody("Ana").await;
        let line = Line::to(&server.api).await;
        let clip = clip::of_size(SIZE);
        let file = world.folder().join("clip.mp4");
        std::fs::write(&file, &clip).unwrap();
        let browser = Browser::open(&line.api, Look::DESKTOP).await;
        browser.sign_in(&ana).await;
        Self { world, server, line, browser, ana, clip, file }
    }

    async fn choose(&self) {
        self.browser.go("/me/upload").await;
        self.browser.fill("file", self.file.to_str().unwrap()).await;
    }

    /// Before anything is sent.
    async fn says_what_is_wrong(&self) {
        let [text, large] = ["song.txt", "large.mp4"].map(|name| self.world.folder().join(name));
        std::fs::write(&text, "la la la").unwrap();
        std::fs::write(&large, clip::of_size(10_485_761)).unwrap();
        self.browser.fill("title", "Mi canción").await;
        self.browser.fill("file", text.to_str().unwrap()).await;
        self.browser.read("#upload-news", "debe ser un video").await;
        self.browser.fill("file", large.to_str().unwrap()).await;
        self.browser.read("#upload-news", "tamaño máximo").await;
        self.browser.click("#send").await;
        assert_eq!(self.uploads().await, 0);
    }

    async fn has_the_video(&self) {
        let list = self.server.api.get("/api/videos").bearer_auth(&self.ana.token);
        let list = list.answer().await.ok(200);
        assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
        assert_eq!(list[0]["title"], "Mi canción");
        let stored = self.server.api.fetch(list[0]["original_url"].as_str().unwrap()).await;
        assert!(stored.body == self.clip, "the stored bytes are others");
    }

    /// How many uploads there are, finished ones included.
    async fn uploads(&self) -> i64 {
        let sql = "select count(*) from resumable_uploads";
        sqlx::query_scalar(sql).fetch_one(&self.world.pool).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_looks_first_and_goes_on_after_cuts() {
    let desk = Desk::set().await;
    desk.browser.go("/me/upload").await;
    desk.says_what_is_wrong().await;
    desk.choose().await;
    let previews = "return !document.getElementById('preview').hidden";
    desk.browser.until("one sees what was chosen", previews).await;
    desk.browser.fill("title", "Mi canción").await;
    desk.line.cut_after([400_000, 1_000_000]);
    desk.browser.click("#send").await;
    desk.browser.see("article.video").await;
    assert_eq!((desk.line.cuts(), desk.uploads().await), (2, 1));
    desk.has_the_video().await;
    desk.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_goes_on_after_a_reload() {
    let desk = Desk::set().await;
    desk.choose().await;
    desk.browser.fill("title", "Mi canción").await;
    desk.line.break_after(1_000_000);
    desk.browser.click("#send").await;
    desk.browser.read("#upload-news", "Se perdió la conexión").await;
    desk.line.repair();
    desk.choose().await;
    desk.browser.read("#upload-news", "Seguirá").await;
    desk.browser.click("#send").await;
    desk.browser.see("article.video").await;
    assert_eq!((desk.line.cuts(), desk.uploads().await), (1, 1));
    desk.has_the_video().await;
    desk.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_gives_up_when_it_is_told_to() {
    let desk = Desk::set().await;
    desk.choose().await;
    desk.browser.fill("title", "Mi canción").await;
    desk.line.slow(Duration::from_millis(100));
    desk.browser.click("#send").await;
    eventually("it has begun", async || (desk.uploads().await == 1).then_some(())).await;
    desk.browser.click("#stop").await;
    desk.line.slow(Duration::ZERO);
    eventually("nothing is left", async || (desk.uploads().await == 0).then_some(())).await;
    let again = "return document.getElementById('sending').hidden
        && !document.getElementById('send').hidden && localStorage.length === 0";
    desk.browser.until("one can begin again", again).await;
    desk.browser.click("#send").await;
    desk.browser.see("article.video").await;
    desk.has_the_video().await;
    desk.browser.close().await;
}

/// `tus-js-client`, which most pages that speak the protocol are built on.
#[tokio::test(flavor = "multi_thread")]
async fn the_client_of_others_goes_on_after_every_cut() {
    let desk = Desk::set().await;
    desk.choose().await;
    let library = test_services::jars::recipe("lib/tus-js-client/tus.min.js");
    let library =
        std::fs::read_to_string(library).expect("tus-js-client; scripts/setup.sh fetches it");
    // Its last line is a comment.
    desk.browser.run(&format!("{library}\n")).await;
    let mut dice = rand::rng();
    let cuts: Vec<usize> = (0..CUTS).map(|_| dice.random_range(2_000..100_000)).collect();
    desk.line.cut_after(cuts.clone());
    let start = format!(
        "window.outcome = '';
         new tus.Upload(document.getElementById('file').files[0], {{
             endpoint: location.origin + '/api/uploads',
             retryDelays: new Array(100).fill(10),
             headers: {{ Authorization: 'Bearer {}' }},
             metadata: {{ title: 'Mi canción', filetype: 'video/mp4' }},
             onError: (error) => {{ window.outcome = String(error); }},
             onSuccess: () => {{ window.outcome = 'success'; }},
         }}).start();",
        desk.ana.token
    );
    desk.browser.run(&start).await;
    desk.browser.until("it has ended", "return window.outcome !== ''").await;
    assert_eq!(desk.browser.run("return window.outcome").await, "success", "{cuts:?}");
    assert_eq!(desk.line.cuts(), CUTS, "{cuts:?}");
    desk.has_the_video().await;
    desk.browser.close().await;
}
