//! How a client calls: any of the APIs, again if there is no answer, and every call is counted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::StdRng;
use reqwest::RequestBuilder;
use serde_json::Value;

use super::history::{Effect, Told};

/// Longer than a request may take.
const TIMEOUT: Duration = Duration::from_secs(12);
/// Who does not give up after the first failure goes on trying for so long.
const PERSEVERANCE: Duration = Duration::from_secs(60);

/// What became of requests.
#[derive(Default)]
pub(crate) struct Tally {
    /// Answered with anything but a 5xx.
    pub(crate) answered: AtomicUsize,
    /// 503.
    pub(crate) turned_away: AtomicUsize,
    /// No answer at all.
    pub(crate) broken: AtomicUsize,
    /// 202: to be asked for later.
    pub(crate) postponed: AtomicUsize,
    /// Acts that took effect.
    pub(crate) acknowledged: AtomicUsize,
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

pub(crate) struct Caller {
    http: reqwest::Client,
    apis: Vec<String>,
}

impl Caller {
    pub(crate) fn new(apis: Vec<String>) -> Self {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(Duration::from_secs(2))
            .no_proxy()
            .build()
            .unwrap();
        Self { http, apis }
    }

    pub(crate) fn apis(&self) -> usize {
        self.apis.len()
    }

    /// One request to one API.
    pub(crate) async fn ask(
        &self,
        api: usize,
        tally: &Tally,
        request: &impl Fn(&reqwest::Client, &str) -> RequestBuilder,
    ) -> Option<Answer> {
        let answered = async {
            let response = request(&self.http, &self.apis[api]).send().await.ok()?;
            let status = response.status().as_u16();
            Some(Answer { status, body: response.json().await.ok()? })
        };
        let answer = answered.await;
        let counter = match &answer {
            Some(answer) if answer.status == 503 => &tally.turned_away,
            Some(answer) if answer.status == 202 => &tally.postponed,
            Some(_) => &tally.answered,
            None => &tally.broken,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        answer
    }

    /// Asks until there is an answer that says something. Some give up after the first failure.
    pub(crate) async fn insist(
        &self,
        rng: &mut StdRng,
        tally: &Tally,
        request: impl Fn(&reqwest::Client, &str) -> RequestBuilder,
    ) -> Told {
        let perseveres = rng.random_bool(0.85);
        let started = Instant::now();
        loop {
            let api = rng.random_range(0..self.apis.len());
            match self.ask(api, tally, &request).await {
                Some(answer) if answer.status != 503 => {
                    let told = understand(&answer);
                    if matches!(told, Told::Accepted(_)) {
                        tally.acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                    return told;
                }
                _ if !perseveres || started.elapsed() > PERSEVERANCE => return Told::Nothing,
                _ => {
                    let pause = Duration::from_millis(rng.random_range(50..500));
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }
}

/// What an answer to a command says.
fn understand(answer: &Answer) -> Told {
    let Answer { status, body } = answer;
    let id = |name: &str| body[name].as_str().and_then(|id| id.parse().ok());
    match status {
        200 | 201 => {
            let made = if *status == 201 { id("video_id").or_else(|| id("id")) } else { None };
            let votes = body["total_votes"].as_u64();
            Told::Accepted(
                made.map(Effect::Made).or(votes.map(Effect::Votes)).unwrap_or(Effect::Done),
            )
        }
        202 => Told::Pending(body["command_token"].as_str().unwrap_or_default().to_owned()),
        400 | 403 | 404 | 409 => Told::Rejected(body["code"].as_str().unwrap_or("?").to_owned()),
        _ => Told::Absurd(format!("{status} {body}")),
    }
}
