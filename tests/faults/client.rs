//! A client: signs up and in, uploads, deletes and votes, and records every reply.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use reqwest::multipart::{Form, Part};
use serde_json::json;
use tokio::sync::watch;
use uuid::Uuid;

use super::history::{Effect, History, Operation, Reply};
use super::http_caller::{HttpCaller, RequestCounts};

const PASSWORD: &str = "correcto caballo";
/// Pause between two operations, in milliseconds.
const THINK_TIME_MS: std::ops::Range<u64> = 50..500;

/// What all clients share.
pub(crate) struct ClientContext {
    pub(crate) caller: HttpCaller,
    pub(crate) counts: RequestCounts,
    pub(crate) history: History,
    /// Videos that can be voted for.
    pub(crate) published: watch::Sender<Vec<Uuid>>,
    pub(crate) clip: Vec<u8>,
    pub(crate) done: AtomicBool,
}

struct Client {
    context: Arc<ClientContext>,
    rng: StdRng,
    email: String,
    id: Uuid,
    token: String,
    /// Operations so far: each has its own idempotency key.
    operations: u32,
    uploaded: Vec<Uuid>,
    voted: Vec<Uuid>,
}

/// Runs one client until the run is over.
pub(crate) async fn run_client(context: Arc<ClientContext>, number: u64, seed: u64) {
    let rng = StdRng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(number));
    let email = format!("client-{number}@example.com");
    let Some(mut client) = Client::join(context, rng, email).await else { return };
    while !client.context.done.load(Ordering::Relaxed) {
        client.act().await;
        let thinks = Duration::from_millis(client.rng.random_range(THINK_TIME_MS));
        tokio::time::sleep(thinks).await;
    }
}

/// Polls the public list and keeps the published videos up to date.
pub(crate) async fn watch_videos(context: Arc<ClientContext>, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    while !context.done.load(Ordering::Relaxed) {
        let api = rng.random_range(0..context.caller.apis());
        let list = |http: &reqwest::Client, api: &str| {
            http.get(format!("{api}/api/public/videos?limit=100"))
        };
        let response = context.caller.call_once(api, &context.counts, &list).await;
        let newest =
            response.and_then(|response| response.body.as_array().cloned()).unwrap_or_default();
        let ids = newest.iter().filter_map(|video| video["video_id"].as_str()?.parse().ok());
        let ids: Vec<Uuid> = ids.collect();
        if !ids.is_empty() {
            context.published.send_replace(ids);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

impl Client {
    /// Signs up and in; `None` if the run is over before.
    async fn join(context: Arc<ClientContext>, rng: StdRng, email: String) -> Option<Self> {
        let mut client = Self {
            context,
            rng,
            email,
            id: Uuid::nil(),
            token: String::new(),
            operations: 0,
            uploaded: Vec::new(),
            voted: Vec::new(),
        };
        while !client.context.done.load(Ordering::Relaxed) {
            match client.register("first").await {
                Reply::Accepted(Effect::Created(id)) => client.id = id,
                // The account will exist; signing in reveals its id.
                Reply::Pending(_) => {}
                _ => continue,
            }
            return client.sign_in().await.then_some(client);
        }
        None
    }

    async fn register(&mut self, key: &str) -> Reply {
        let body = json!({
            "first_name": "Ana", "last_name": "Rincón", "email": self.email,
            "password1": PASSWORD, "password2": PASSWORD, "city": "Cali", "country": "Colombia",
        });
        let operation = Operation::Register { email: self.email.clone() };
        let key = key.to_owned();
        self.perform(operation, move |http, api| {
            let request = http.post(format!("{api}/api/auth/signup")).json(&body);
            request.header("idempotency-key", &key)
        })
        .await
    }

    /// Retries until it works: the account may be pending, or not yet visible in every process.
    async fn sign_in(&mut self) -> bool {
        let body = json!({"email": self.email, "password": PASSWORD});
        let request = |http: &reqwest::Client, api: &str| {
            http.post(format!("{api}/api/auth/login")).json(&body)
        };
        while !self.context.done.load(Ordering::Relaxed) {
            let api = self.rng.random_range(0..self.context.caller.apis());
            let response = self.context.caller.call_once(api, &self.context.counts, &request).await;
            if let Some(response) = response.filter(|response| response.status == 200) {
                self.token = response.body["access_token"].as_str().unwrap().to_owned();
                self.id = subject(&self.token);
                return true;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        false
    }

    async fn act(&mut self) {
        match self.rng.random_range(0..200) {
            0..=1 => self.upload().await,
            2 => self.delete_any().await,
            3 => {
                let key = self.next_key();
                self.register(&key).await;
            }
            4..=13 => {
                let again = self.voted.choose(&mut self.rng).copied();
                self.vote(again).await;
            }
            _ => {
                let published = self.context.published.borrow().clone();
                let new: Vec<Uuid> =
                    published.into_iter().filter(|id| !self.voted.contains(id)).collect();
                let video = new.choose(&mut self.rng).copied();
                self.vote(video).await;
            }
        }
    }

    async fn vote(&mut self, video: Option<Uuid>) {
        let Some(video) = video else { return };
        let (key, token) = (self.next_key(), self.token.clone());
        self.voted.push(video);
        self.perform(Operation::Vote { by: self.id, video }, move |http, api| {
            let request = http.post(format!("{api}/api/public/videos/{video}/vote"));
            request.bearer_auth(&token).header("idempotency-key", &key)
        })
        .await;
    }

    async fn upload(&mut self) {
        let (key, token) = (self.next_key(), self.token.clone());
        let title = format!("{} of {}", key, self.email);
        let clip = self.context.clip.clone();
        let operation = Operation::Upload { by: self.id, title: title.clone() };
        let reply = self
            .perform(operation, move |http, api| {
                let part = Part::bytes(clip.clone()).file_name("clip.mp4");
                let part = part.mime_str("video/mp4").unwrap();
                http.post(format!("{api}/api/videos/upload"))
                    .bearer_auth(&token)
                    .header("idempotency-key", &key)
                    .multipart(Form::new().text("title", title.clone()).part("file", part))
            })
            .await;
        if let Reply::Accepted(Effect::Created(video)) = reply {
            self.uploaded.push(video);
            // Early, because later most videos have votes.
            if self.rng.random_bool(0.3) {
                self.delete(video).await;
            }
        }
    }

    async fn delete_any(&mut self) {
        if let Some(video) = self.uploaded.choose(&mut self.rng).copied() {
            self.delete(video).await;
        }
    }

    async fn delete(&mut self, video: Uuid) {
        let (key, token) = (self.next_key(), self.token.clone());
        self.perform(Operation::Delete { by: self.id, video }, move |http, api| {
            let request = http.delete(format!("{api}/api/videos/{video}"));
            request.bearer_auth(&token).header("idempotency-key", &key)
        })
        .await;
    }

    async fn perform(
        &mut self,
        operation: Operation,
        request: impl Fn(&reqwest::Client, &str) -> reqwest::RequestBuilder,
    ) -> Reply {
        let reply = self
            .context
            .caller
            .call_until_answered(&mut self.rng, &self.context.counts, request)
            .await;
        self.context.history.write(operation, reply.clone());
        reply
    }

    fn next_key(&mut self) -> String {
        self.operations += 1;
        format!("operation {}", self.operations)
    }
}

/// The account of an access token.
fn subject(token: &str) -> Uuid {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    claims["sub"].as_str().unwrap().parse().unwrap()
}
