//! The HTTP calls of clients: to any API, retried without a response, and counted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::StdRng;
use reqwest::RequestBuilder;
use serde_json::Value;

use super::history::{Effect, Reply};

/// Longer than the API may take for a response.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(12);
/// Bounds the retries of a client that does not give up after the first failure.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// Numbers of requests by their result.
#[derive(Default)]
pub(crate) struct RequestCounts {
    /// Any status but 202 and 503.
    pub(crate) answered: AtomicUsize,
    /// 503.
    pub(crate) unavailable: AtomicUsize,
    /// Without a response.
    pub(crate) unanswered: AtomicUsize,
    /// 202.
    pub(crate) pending: AtomicUsize,
    /// Operations that took effect.
    pub(crate) acknowledged: AtomicUsize,
}

#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

pub(crate) struct HttpCaller {
    http: reqwest::Client,
    apis: Vec<String>,
}

impl HttpCaller {
    pub(crate) fn new(apis: Vec<String>) -> Self {
        let http = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .connect_timeout(Duration::from_secs(2))
            .no_proxy()
            .build()
            .unwrap();
        Self { http, apis }
    }

    pub(crate) fn apis(&self) -> usize {
        self.apis.len()
    }

    /// Sends one request to one API.
    pub(crate) async fn call_once(
        &self,
        api: usize,
        counts: &RequestCounts,
        request: &impl Fn(&reqwest::Client, &str) -> RequestBuilder,
    ) -> Option<Response> {
        let answered = async {
            let response = request(&self.http, &self.apis[api]).send().await.ok()?;
            let status = response.status().as_u16();
            Some(Response { status, body: response.json().await.ok()? })
        };
        let response = answered.await;
        let counter = match &response {
            Some(response) if response.status == 503 => &counts.unavailable,
            Some(response) if response.status == 202 => &counts.pending,
            Some(_) => &counts.answered,
            None => &counts.unanswered,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        response
    }

    /// Retries until there is a response other than 503. Some clients give up after the first failure.
    pub(crate) async fn call_until_answered(
        &self,
        rng: &mut StdRng,
        counts: &RequestCounts,
        request: impl Fn(&reqwest::Client, &str) -> RequestBuilder,
    ) -> Reply {
        let retries = rng.random_bool(0.85);
        let started = Instant::now();
        loop {
            let api = rng.random_range(0..self.apis.len());
            match self.call_once(api, counts, &request).await {
                Some(response) if response.status != 503 => {
                    let reply = reply_of(&response);
                    if matches!(reply, Reply::Accepted(_)) {
                        counts.acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                    return reply;
                }
                _ if !retries || started.elapsed() > RETRY_TIMEOUT => return Reply::Nothing,
                _ => {
                    let pause = Duration::from_millis(rng.random_range(50..500));
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }
}

/// The reply in a response to a command.
fn reply_of(response: &Response) -> Reply {
    let Response { status, body } = response;
    let id = |name: &str| body[name].as_str().and_then(|id| id.parse().ok());
    match status {
        200 | 201 => {
            let made = if *status == 201 { id("video_id").or_else(|| id("id")) } else { None };
            let votes = body["total_votes"].as_u64();
            Reply::Accepted(
                made.map(Effect::Created).or(votes.map(Effect::Votes)).unwrap_or(Effect::Done),
            )
        }
        202 => Reply::Pending(body["command_token"].as_str().unwrap_or_default().to_owned()),
        400 | 403 | 404 | 409 => Reply::Rejected(body["code"].as_str().unwrap_or("?").to_owned()),
        _ => Reply::Invalid(format!("{status} {body}")),
    }
}
