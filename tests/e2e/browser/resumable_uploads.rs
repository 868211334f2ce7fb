//! Uploads over an unreliable connection: with the upload page and with `tus-js-client`.

use std::path::PathBuf;
use std::time::Duration;

use rand::RngExt;

use crate::e2e::harness::chromium::{Browser, BrowserProfile};
use crate::e2e::harness::client::SendRequest;
use crate::e2e::harness::faulty_proxy::FaultyProxy;
use crate::e2e::harness::{Person, Roles, Server, TestEnvironment, clip, eventually};

const SIZE: usize = 3 * 1024 * 1024;
/// Number of disconnects of `tus-js-client`.
const DISCONNECTS: usize = 24;

/// A signed-in browser behind a [`FaultyProxy`], and a file to upload.
struct UploadFixture {
    env: TestEnvironment,
    server: Server,
    proxy: FaultyProxy,
    browser: Browser,
    ana: Person,
    clip: Vec<u8>,
    file: PathBuf,
}

impl UploadFixture {
    async fn set_up() -> Self {
        let env = TestEnvironment::embedded().await;
        let server = Server::start(&env, Roles::NoTranscoder).await;
        let ana = server.api.new_person("Ana").await;
        let proxy = FaultyProxy::in_front_of(&server.api).await;
        let clip = clip::of_size(SIZE);
        let file = env.folder().join("clip.mp4");
        std::fs::write(&file, &clip).unwrap();
        let browser = Browser::open(&proxy.api, BrowserProfile::DESKTOP).await;
        browser.sign_in(&ana).await;
        Self { env, server, proxy, browser, ana, clip, file }
    }

    async fn choose_file(&self) {
        self.browser.open_page("/me/upload").await;
        self.browser.fill("file", self.file.to_str().unwrap()).await;
    }

    /// Chooses invalid files: the page rejects them before it sends anything.
    async fn assert_invalid_files_are_rejected(&self) {
        let [text, large] = ["song.txt", "large.mp4"].map(|name| self.env.folder().join(name));
        std::fs::write(&text, "la la la").unwrap();
        std::fs::write(&large, clip::of_size(10_485_761)).unwrap();
        self.browser.fill("title", "Mi canción").await;
        self.browser.fill("file", text.to_str().unwrap()).await;
        self.browser.wait_for_text("#upload-news", "debe ser un video").await;
        self.browser.fill("file", large.to_str().unwrap()).await;
        self.browser.wait_for_text("#upload-news", "tamaño máximo").await;
        self.browser.click("#send").await;
        assert_eq!(self.count_uploads().await, 0);
    }

    async fn assert_video_is_uploaded(&self) {
        let list = self.server.api.get("/api/videos").bearer_auth(&self.ana.token);
        let list = list.response().await.expect(200);
        assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
        assert_eq!(list[0]["title"], "Mi canción");
        let stored = self.server.api.fetch(list[0]["original_url"].as_str().unwrap()).await;
        assert!(stored.body == self.clip, "the stored bytes differ");
    }

    /// Number of uploads, finished ones included.
    async fn count_uploads(&self) -> i64 {
        let sql = "select count(*) from resumable_uploads";
        sqlx::query_scalar(sql).fetch_one(&self.env.pool).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upload_page_validates_first_and_resumes_after_disconnects() {
    let fixture = UploadFixture::set_up().await;
    fixture.browser.open_page("/me/upload").await;
    fixture.assert_invalid_files_are_rejected().await;
    fixture.choose_file().await;
    let previews = "return !document.getElementById('preview').hidden";
    fixture.browser.wait_until("one sees what was chosen", previews).await;
    fixture.browser.fill("title", "Mi canción").await;
    fixture.proxy.disconnect_after([400_000, 1_000_000]);
    fixture.browser.click("#send").await;
    fixture.browser.find("article.video").await;
    assert_eq!((fixture.proxy.disconnects(), fixture.count_uploads().await), (2, 1));
    fixture.assert_video_is_uploaded().await;
    fixture.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upload_page_resumes_after_a_reload() {
    let fixture = UploadFixture::set_up().await;
    fixture.choose_file().await;
    fixture.browser.fill("title", "Mi canción").await;
    fixture.proxy.go_down_after(1_000_000);
    fixture.browser.click("#send").await;
    fixture.browser.wait_for_text("#upload-news", "Se perdió la conexión").await;
    fixture.proxy.restore();
    fixture.choose_file().await;
    fixture.browser.wait_for_text("#upload-news", "Seguirá").await;
    fixture.browser.click("#send").await;
    fixture.browser.find("article.video").await;
    assert_eq!((fixture.proxy.disconnects(), fixture.count_uploads().await), (1, 1));
    fixture.assert_video_is_uploaded().await;
    fixture.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upload_page_cancels_on_request() {
    let fixture = UploadFixture::set_up().await;
    fixture.choose_file().await;
    fixture.browser.fill("title", "Mi canción").await;
    fixture.proxy.set_delay(Duration::from_millis(100));
    fixture.browser.click("#send").await;
    eventually("it has begun", async || (fixture.count_uploads().await == 1).then_some(())).await;
    fixture.browser.click("#stop").await;
    fixture.proxy.set_delay(Duration::ZERO);
    eventually("nothing is left", async || (fixture.count_uploads().await == 0).then_some(()))
        .await;
    let again = "return document.getElementById('sending').hidden
        && !document.getElementById('send').hidden && localStorage.length === 0";
    fixture.browser.wait_until("one can begin again", again).await;
    fixture.browser.click("#send").await;
    fixture.browser.find("article.video").await;
    fixture.assert_video_is_uploaded().await;
    fixture.browser.close().await;
}

/// `tus-js-client` is the reference client in browsers.
#[tokio::test(flavor = "multi_thread")]
async fn tus_js_client_resumes_after_every_disconnect() {
    let fixture = UploadFixture::set_up().await;
    fixture.choose_file().await;
    let library = test_services::jars::recipe("lib/tus-js-client/tus.min.js");
    let library =
        std::fs::read_to_string(library).expect("tus-js-client; scripts/setup.sh fetches it");
    // The library ends with a comment line.
    fixture.browser.execute(&format!("{library}\n")).await;
    let mut rng = rand::rng();
    let disconnects: Vec<usize> =
        (0..DISCONNECTS).map(|_| rng.random_range(2_000..100_000)).collect();
    fixture.proxy.disconnect_after(disconnects.clone());
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
        fixture.ana.token
    );
    fixture.browser.execute(&start).await;
    fixture.browser.wait_until("it has ended", "return window.outcome !== ''").await;
    assert_eq!(
        fixture.browser.execute("return window.outcome").await,
        "success",
        "{disconnects:?}"
    );
    assert_eq!(fixture.proxy.disconnects(), DISCONNECTS, "{disconnects:?}");
    fixture.assert_video_is_uploaded().await;
    fixture.browser.close().await;
}
