//! A client of the contest's HTTP API. It retries while the server is busy and fails on any unexpected answer.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::multipart::Form;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::data::Clip;
use super::participants::Person;

/// Attempts per request while the server is busy. With the pauses they take about 30 s.
const MAX_ATTEMPTS: u32 = 12;
const MIN_RETRY_PAUSE: Duration = Duration::from_millis(100);
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(5);

/// A logged-in account.
#[derive(Clone, Debug)]
pub(super) struct Account {
    token: String,
    email: String,
}

/// A video and the account that uploaded it.
#[derive(Clone, Debug)]
pub(super) struct Video {
    pub(super) id: String,
    pub(super) owner: Account,
}

/// A page of the ranking.
#[derive(Debug, Deserialize)]
pub(super) struct Ranking {
    pub(super) rankings: Vec<Row>,
    pub(super) total: u64,
}

/// A row of the ranking.
#[derive(Debug, Deserialize)]
pub(super) struct Row {
    pub(super) position: u64,
    pub(super) username: String,
    pub(super) city: String,
    pub(super) country: String,
    pub(super) votes: u64,
}

/// The status of a video, as the API names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Pending,
    Processing,
    Processed,
    Failed,
}

#[derive(Deserialize)]
struct Login {
    access_token: String,
}

#[derive(Deserialize)]
struct Uploaded {
    video_id: String,
}

#[derive(Deserialize)]
struct OwnVideo {
    video_id: String,
    title: String,
    status: Status,
}

/// A client of one instance.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    pub(super) fn new(url: &str) -> Result<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(60))
            .user_agent("anb-demo")
            .build()?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned() })
    }

    /// Fails unless `/health` answers with 2xx.
    pub(super) async fn check(&self) -> Result<()> {
        let answer = self.http.get(format!("{}/health", self.url)).send().await;
        match answer {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => bail!("{}/health answers {}", self.url, answer.status()),
            Err(_) => bail!("no server answers at {} (start one with `anb dev`)", self.url),
        }
    }

    /// Signs the person up, unless an earlier run did, and logs in.
    pub(super) async fn enter(&self, person: &Person) -> Result<Account> {
        let body = json!({
            "first_name": person.first_name, "last_name": person.last_name,
            "email": person.email, "city": person.city, "country": person.country,
            "password1": person.password, "password2": person.password,
        });
        let key = format!("demo-signup-{}", person.email);
        let answer = self
            .send(|| {
                let request = self.request(Method::POST, "/api/auth/signup");
                request.header("Idempotency-Key", &key).json(&body)
            })
            .await?;
        match answer.status() {
            StatusCode::CREATED => {}
            // The address is taken. The login below fails unless an earlier run took it.
            StatusCode::BAD_REQUEST => {}
            _ => return Err(unexpected_answer("sign-up", answer).await),
        }
        let credentials = json!({ "email": person.email, "password": person.password });
        let login: Login = self
            .expect("login", || self.request(Method::POST, "/api/auth/login").json(&credentials))
            .await?;
        Ok(Account { token: login.access_token, email: person.email.clone() })
    }

    /// Uploads a clip, unless an earlier run uploaded one with this title.
    pub(super) async fn upload(
        &self,
        account: &Account,
        title: &str,
        clip: &Clip,
        number: usize,
    ) -> Result<Video> {
        let own: Vec<OwnVideo> = self
            .expect("list of own videos", || self.authorized(Method::GET, "/api/videos", account))
            .await?;
        if let Some(video) = own.into_iter().find(|video| video.title == title) {
            return Ok(Video { id: video.video_id, owner: account.clone() });
        }
        let key = format!("demo-upload-{}-{number}", account.email);
        let uploaded: Uploaded = self
            .expect("upload", || {
                let form = Form::new().text("title", title.to_owned()).part("file", clip.part());
                let request = self.authorized(Method::POST, "/api/videos/upload", account);
                request.header("Idempotency-Key", &key).multipart(form)
            })
            .await?;
        Ok(Video { id: uploaded.video_id, owner: account.clone() })
    }

    /// The current status of a video.
    pub(super) async fn status(&self, video: &Video) -> Result<Status> {
        let path = format!("/api/videos/{}", video.id);
        let own: OwnVideo =
            self.expect("video", || self.authorized(Method::GET, &path, &video.owner)).await?;
        Ok(own.status)
    }

    /// Casts a vote. Returns `false` if the account has already voted for the video.
    pub(super) async fn vote(&self, voter: &Account, video: &Video) -> Result<bool> {
        let path = format!("/api/public/videos/{}/vote", video.id);
        let key = format!("demo-vote-{}", video.id);
        let answer = self
            .send(|| self.authorized(Method::POST, &path, voter).header("Idempotency-Key", &key))
            .await?;
        match answer.status() {
            StatusCode::OK => Ok(true),
            StatusCode::BAD_REQUEST => {
                let body: Value = answer.json().await.unwrap_or_default();
                if body["code"] == "already_voted" {
                    return Ok(false);
                }
                bail!("a vote was rejected: {}", body["detail"])
            }
            _ => Err(unexpected_answer("vote", answer).await),
        }
    }

    /// The first rows of the ranking.
    pub(super) async fn ranking(&self, rows: u32) -> Result<Ranking> {
        let path = format!("/api/public/rankings?page_size={rows}");
        self.expect("ranking", || self.request(Method::GET, &path)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    fn authorized(&self, method: Method, path: &str, account: &Account) -> RequestBuilder {
        self.request(method, path).bearer_auth(&account.token)
    }

    /// Sends a request and parses the JSON answer. Any status but 2xx is an error.
    async fn expect<T: DeserializeOwned>(
        &self,
        what: &str,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<T> {
        let answer = self.send(request).await?;
        if !answer.status().is_success() {
            return Err(unexpected_answer(what, answer).await);
        }
        answer.json().await.with_context(|| format!("the answer to a {what} cannot be parsed"))
    }

    /// Sends a request. Retries while the server is busy, unreachable, or has no verdict yet (202), which
    /// is no error to a retry library. Commands carry an idempotency key, so a retry has no second effect.
    async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Response> {
        let mut pause = MIN_RETRY_PAUSE;
        for attempts_left in (0..MAX_ATTEMPTS).rev() {
            let answer = request().send().await;
            let busy = match &answer {
                Ok(answer) => matches!(
                    answer.status(),
                    StatusCode::ACCEPTED
                        | StatusCode::SERVICE_UNAVAILABLE
                        | StatusCode::TOO_MANY_REQUESTS
                ),
                Err(_) => true,
            };
            if !busy || attempts_left == 0 {
                return answer.context("the server does not answer");
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MAX_RETRY_PAUSE);
        }
        bail!("the server does not answer")
    }
}

async fn unexpected_answer(what: &str, answer: Response) -> anyhow::Error {
    let status = answer.status();
    let text = answer.text().await.unwrap_or_default();
    anyhow::anyhow!("a {what} was answered with {status}: {text}")
}
