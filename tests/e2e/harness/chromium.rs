//! A real browser without a screen, driven through WebDriver.

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

use super::client::PASSWORD;
use super::server::free_port;
use super::{Api, Person, eventually};

/// How a browser is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) width: u32,
    pub(crate) dark: bool,
    pub(crate) scripts: bool,
}

impl Look {
    pub(crate) const DESKTOP: Self = Self { width: 1280, dark: false, scripts: true };
    pub(crate) const DESKTOP_DARK: Self = Self { dark: true, ..Self::DESKTOP };
    pub(crate) const PHONE: Self = Self { width: 360, dark: true, scripts: true };
    pub(crate) const PHONE_LIGHT: Self = Self { dark: false, ..Self::PHONE };
    pub(crate) const WITHOUT_SCRIPTS: Self = Self { scripts: false, ..Self::DESKTOP };
}

/// A running browser. It is ended when this is dropped, also by a panic.
pub(crate) struct Browser {
    client: Client,
    driver: Child,
    base: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    pub(crate) async fn open(api: &Api, look: Look) -> Self {
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver; scripts/setup.sh installs it");
        let profile = tempfile::Builder::new().prefix("anb-browser-").tempdir().unwrap();
        let Value::Object(capabilities) = look.capabilities(profile.path()) else { unreachable!() };
        let client = eventually("the browser is there", async || {
            ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities.clone())
                .connect(&format!("http://127.0.0.1:{port}"))
                .await
                .ok()
        })
        .await;
        Self { client, driver, base: api.base.clone(), _profile: profile }
    }

    /// Goes to a page of ours, or to any address.
    pub(crate) async fn go(&self, place: &str) {
        let ours = place.starts_with('/').then(|| format!("{}{place}", self.base));
        self.client.goto(ours.as_deref().unwrap_or(place)).await.unwrap();
    }

    /// The path and query of the page that is shown.
    pub(crate) async fn place(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.as_str().strip_prefix(&self.base).unwrap_or(url.as_str()).to_owned()
    }

    pub(crate) async fn sign_in(&self, person: &Person) {
        self.go("/sign-in").await;
        self.fill("email", &person.email).await;
        self.fill("password", PASSWORD).await;
        self.click("main form button").await;
        self.see(".banner form[action='/sign-out']").await;
    }

    /// Waits for an element.
    pub(crate) async fn see(&self, selector: &str) -> Element {
        eventually(&format!("there is {selector}"), async || {
            self.client.find(Locator::Css(selector)).await.ok()
        })
        .await
    }

    /// Waits until an element's text contains this.
    pub(crate) async fn read(&self, selector: &str, text: &str) {
        eventually(&format!("{selector} says {text}"), async || {
            let element = self.client.find(Locator::Css(selector)).await.ok()?;
            element.text().await.ok()?.contains(text).then_some(())
        })
        .await;
    }

    pub(crate) async fn click(&self, selector: &str) {
        self.see(selector).await.click().await.unwrap();
    }

    pub(crate) async fn fill(&self, id: &str, text: &str) {
        self.see(&format!("#{id}")).await.send_keys(text).await.unwrap();
    }

    /// Presses keys where the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        self.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Runs a script until it calls the function that is its last argument.
    pub(crate) async fn run_to_its_end(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute_async(script, arguments).await.unwrap()
    }

    /// Waits until a script says `true`.
    pub(crate) async fn until(&self, what: &str, script: &str) {
        eventually(what, async || {
            let said = self.client.execute(script, Vec::new()).await.ok()?;
            (said == true).then_some(())
        })
        .await;
    }

    /// What axe-core finds wrong with the page, a line each.
    pub(crate) async fn barriers(&self) -> Vec<String> {
        let axe = std::fs::read_to_string(test_services::jars::recipe("lib/axe-core/axe.min.js"))
            .expect("axe-core; scripts/setup.sh fetches it");
        self.client.execute(&axe, Vec::new()).await.unwrap();
        let script = "const done = arguments[arguments.length - 1];
            axe.run().then((found) => done(found.violations.map((rule) =>
                `${rule.id}: ${rule.nodes.map((node) => node.html).join(' ')}`)));";
        let found = self.run_to_its_end(script, Vec::new()).await;
        found.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    }

    /// A command of the DevTools protocol.
    pub(crate) async fn devtools(&self, command: &'static str, parameters: Value) -> Value {
        self.client.issue_cmd(DevTools { command, parameters }).await.unwrap()
    }

    /// A picture of the whole page, in WebP; of a long one, its beginning.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        let size = self
            .run("const root = document.documentElement; return [root.clientWidth, root.scrollHeight]")
            .await;
        let (width, height) = (size[0].as_f64().unwrap(), size[1].as_f64().unwrap());
        let most = if width < 500.0 { 1_200.0 } else { 1_800.0 };
        let clip =
            json!({ "x": 0, "y": 0, "width": width, "height": height.min(most), "scale": 1 });
        let wanted = json!({
            "format": "webp", "quality": 60, "captureBeyondViewport": true, "clip": clip,
        });
        let picture = self.devtools("Page.captureScreenshot", wanted).await;
        BASE64_STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()
    }

    pub(crate) async fn close(self) {
        self.client.clone().close().await.unwrap();
    }
}

impl Look {
    fn capabilities(self, profile: &std::path::Path) -> Value {
        let Self { width, dark, scripts } = self;
        let scheme = if dark { 0 } else { 1 };
        let mut options = json!({
            "args": [
                "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                "--no-first-run", "--lang=es-CO", "--mute-audio",
                "--autoplay-policy=no-user-gesture-required",
                format!("--window-size={width},900"),
                format!("--blink-settings=preferredColorScheme={scheme}"),
                format!("--user-data-dir={}", profile.display()),
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

/// Chromium takes commands of its own protocol through WebDriver.
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
        // It ends its browser when it is asked to, and not when it is killed.
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
