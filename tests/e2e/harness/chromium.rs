//! Headless Chromium, driven through WebDriver.

use std::process::Stdio;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use fantoccini::elements::Element;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use url::{ParseError, Url};

use super::client::{ApiClient, PASSWORD, Person};
use super::server::free_port;
use super::wait::eventually;

/// The window, colour scheme and script setting of a browser.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BrowserProfile {
    pub(crate) width: u32,
    pub(crate) dark: bool,
    pub(crate) scripts: bool,
}

impl BrowserProfile {
    pub(crate) const DESKTOP: Self = Self { width: 1280, dark: false, scripts: true };
    pub(crate) const DESKTOP_DARK: Self = Self { dark: true, ..Self::DESKTOP };
    pub(crate) const PHONE: Self = Self { width: 360, dark: true, scripts: true };
    pub(crate) const PHONE_LIGHT: Self = Self { dark: false, ..Self::PHONE };
    pub(crate) const WITHOUT_SCRIPTS: Self = Self { scripts: false, ..Self::DESKTOP };
}

/// A running browser. Dropping it ends it.
pub(crate) struct Browser {
    client: Client,
    driver: Child,
    base: String,
    _folder: tempfile::TempDir,
}

impl Browser {
    pub(crate) async fn open(api: &ApiClient, profile: BrowserProfile) -> Self {
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver; scripts/setup.sh installs it");
        let folder = tempfile::Builder::new().prefix("anb-browser-").tempdir().unwrap();
        let Value::Object(capabilities) = profile.capabilities(folder.path()) else {
            unreachable!()
        };
        let client = eventually("the browser has started", async || {
            ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities.clone())
                .connect(&format!("http://127.0.0.1:{port}"))
                .await
                .ok()
        })
        .await;
        Self { client, driver, base: api.base.clone(), _folder: folder }
    }

    /// Opens a path of the server, or any URL.
    pub(crate) async fn open_page(&self, path: &str) {
        let ours = path.starts_with('/').then(|| format!("{}{path}", self.base));
        self.client.goto(ours.as_deref().unwrap_or(path)).await.unwrap();
    }

    /// The path and query of the current page.
    pub(crate) async fn current_path(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.as_str().strip_prefix(&self.base).unwrap_or(url.as_str()).to_owned()
    }

    pub(crate) async fn sign_in(&self, person: &Person) {
        self.open_page("/sign-in").await;
        self.fill("email", &person.email).await;
        self.fill("password", PASSWORD).await;
        self.click("main form button").await;
        self.find(".banner form[action='/sign-out']").await;
    }

    /// Waits for an element and returns it.
    pub(crate) async fn find(&self, selector: &str) -> Element {
        eventually(&format!("there is {selector}"), async || {
            self.client.find(Locator::Css(selector)).await.ok()
        })
        .await
    }

    /// Waits until the text of an element contains this one.
    pub(crate) async fn wait_for_text(&self, selector: &str, text: &str) {
        eventually(&format!("{selector} says {text}"), async || {
            let element = self.client.find(Locator::Css(selector)).await.ok()?;
            element.text().await.ok()?.contains(text).then_some(())
        })
        .await;
    }

    pub(crate) async fn click(&self, selector: &str) {
        self.find(selector).await.click().await.unwrap();
    }

    pub(crate) async fn fill(&self, id: &str, text: &str) {
        self.find(&format!("#{id}")).await.send_keys(text).await.unwrap();
    }

    /// Sends keys to the focused element.
    pub(crate) async fn press(&self, keys: &str) {
        self.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    pub(crate) async fn execute(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Runs a script that ends by calling its last argument with the result.
    pub(crate) async fn execute_async(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute_async(script, arguments).await.unwrap()
    }

    /// Waits until a script returns `true`.
    pub(crate) async fn wait_until(&self, what: &str, script: &str) {
        eventually(what, async || {
            let result = self.client.execute(script, Vec::new()).await.ok()?;
            (result == true).then_some(())
        })
        .await;
    }

    /// The violations that axe-core finds on the page, one per line.
    pub(crate) async fn accessibility_violations(&self) -> Vec<String> {
        let axe = std::fs::read_to_string(test_services::jars::recipe("lib/axe-core/axe.min.js"))
            .expect("axe-core; scripts/setup.sh fetches it");
        self.client.execute(&axe, Vec::new()).await.unwrap();
        let script = "const done = arguments[arguments.length - 1];
            axe.run().then((found) => done(found.violations.map((rule) =>
                `${rule.id}: ${rule.nodes.map((node) => node.html).join(' ')}`)));";
        let found = self.execute_async(script, Vec::new()).await;
        found.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    }

    /// Sends a command of the DevTools protocol.
    pub(crate) async fn devtools(&self, command: &'static str, parameters: Value) -> Value {
        self.client.issue_cmd(DevTools { command, parameters }).await.unwrap()
    }

    /// A screenshot in WebP of the whole page, or of the top of a long one.
    pub(crate) async fn screenshot(&self) -> Vec<u8> {
        let size = self
            .execute("const root = document.documentElement; return [root.clientWidth, root.scrollHeight]")
            .await;
        let (width, height) = (size[0].as_f64().unwrap(), size[1].as_f64().unwrap());
        let max_height = if width < 500.0 { 1_200.0 } else { 1_800.0 };
        let clip =
            json!({ "x": 0, "y": 0, "width": width, "height": height.min(max_height), "scale": 1 });
        let parameters = json!({
            "format": "webp", "quality": 60, "captureBeyondViewport": true, "clip": clip,
        });
        let screenshot = self.devtools("Page.captureScreenshot", parameters).await;
        BASE64_STANDARD.decode(screenshot["data"].as_str().unwrap()).unwrap()
    }

    pub(crate) async fn close(self) {
        self.client.clone().close().await.unwrap();
    }
}

impl BrowserProfile {
    fn capabilities(self, folder: &std::path::Path) -> Value {
        let Self { width, dark, scripts } = self;
        let scheme = if dark { 0 } else { 1 };
        let mut options = json!({
            "args": [
                "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                "--no-first-run", "--lang=es-CO", "--mute-audio",
                "--autoplay-policy=no-user-gesture-required",
                format!("--window-size={width},900"),
                format!("--blink-settings=preferredColorScheme={scheme}"),
                format!("--user-data-dir={}", folder.display()),
            ],
            "prefs": { "intl.accept_languages": "es-CO,es" },
        });
        if !scripts {
            options["prefs"]["profile.managed_default_content_settings.javascript"] = 2.into();
        }
        if width < 500 {
            let metrics =
                json!({ "width": width, "height": 740, "pixelRatio": 2.0, "touch": true });
            options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
        }
        json!({ "browserName": "chrome", "goog:chromeOptions": options })
    }
}

/// A DevTools command as chromedriver's extension of WebDriver takes it.
#[derive(Debug)]
struct DevTools {
    command: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let body = json!({ "cmd": self.command, "params": self.parameters });
        (Method::POST, Some(body.to_string()))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // chromedriver ends its browser on SIGTERM; SIGKILL would leave it running.
        if let Some(pid) = self.driver.id() {
            let _ = std::process::Command::new("kill").args(["-TERM", &pid.to_string()]).status();
            for _ in 0..100 {
                if !matches!(self.driver.try_wait(), Ok(None)) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}
