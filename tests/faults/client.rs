//! A client: signs up and in, uploads, deletes and votes, and writes down what it was told.

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

use super::caller::{Caller, Tally};
use super::history::{Act, Effect, History, Told};

const PASSWORD: &str = "correcto caballo";
/// Between two acts, in milliseconds.
const THINKS: std::ops::Range<u64> = 50..500;

/// What clients share.
pub(crate) struct Crowd {
    pub(crate) caller: Caller,
    pub(crate) tally: Tally,
    pub(crate) history: History,
    /// Videos that can be voted for.
    pub(crate) published: watch::Sender<Vec<Uuid>>,
    pub(crate) clip: Vec<u8>,
    pub(crate) done: AtomicBool,
}

struct Client {
    crowd: Arc<Crowd>,
    rng: StdRng,
    email: String,
    id: Uuid,
    token: String,
    /// Acts so far: each has a key of its own.
    acts: u32,
    uploaded: Vec<Uuid>,
    voted: Vec<Uuid>,
}

/// Lives until the crowd is done.
pub(crate) async fn live(crowd: Arc<Crowd>, number: u64, seed: u64) {
    let rng = StdRng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(number));
    let email = format!("client-{number}@example.com");
    let Some(mut client) = Client::join(crowd, rng, email).await else { return };
    while !client.crowd.done.load(Ordering::Relaxed) {
        client.act().await;
        let thinks = Duration::from_millis(client.rng.random_range(THINKS));
        tokio::time::sleep(thinks).await;
    }
}

/// Keeps the list of published videos up to date, as a page would that is open all the time.
pub(crate) async fn watch_videos(crowd: Arc<Crowd>, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    while !crowd.done.load(Ordering::Relaxed) {
        let api = rng.random_range(0..crowd.caller.apis());
        let list = |http: &reqwest::Client, api: &str| {
            http.get(format!("{api}/api/public/videos?limit=100"))
        };
        let answer = crowd.caller.ask(api, &crowd.tally, &list).await;
        let newest = answer.and_then(|answer| answer.body.as_array().cloned()).unwrap_or_default();
        let ids = newest.iter().filter_map(|video| video["video_id"].as_str()?.parse().ok());
        let ids: Vec<Uuid> = ids.collect();
        if !ids.is_empty() {
            crowd.published.send_replace(ids);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

impl Client {
    /// Signs up and in; nobody if the crowd is done before.
    async fn join(crowd: Arc<Crowd>, rng: StdRng, email: String) -> Option<Self> {
        let mut client = Self {
            crowd,
            rng,
            email,
            id: Uuid::nil(),
            token: String::new(),
            acts: 0,
            uploaded: Vec::new(),
            voted: Vec::new(),
        };
        while !client.crowd.done.load(Ordering::Relaxed) {
            match client.register("first").await {
                Told::Accepted(Effect::Made(id)) => client.id = id,
                // The account is certain, and its id the business of signing in only.
                Told::Pending(_) => {}
                _ => continue,
            }
            return client.sign_in().await.then_some(client);
        }
        None
    }

    async fn register(&mut self, key: &str) -> Told {
        let body = json!({
            "first_name": "Ana", "last_name": "Rincón", "email": self.email,
            "password1": PASSWORD, "password2": PASSWORD, "city": "Cali", "country": "Colombia",
        });
        let act = Act::Register { email: self.email.clone() };
        let key = key.to_owned();
        self.carry_out(act, move |http, api| {
            let request = http.post(format!("{api}/api/auth/signup")).json(&body);
            request.header("idempotency-key", &key)
        })
        .await
    }

    /// Until it works: an account may be promised, or for a moment not yet known everywhere.
    async fn sign_in(&mut self) -> bool {
        let body = json!({"email": self.email, "password": PASSWORD});
        let request = |http: &reqwest::Client, api: &str| {
            http.post(format!("{api}/api/auth/login")).json(&body)
        };
        while !self.crowd.done.load(Ordering::Relaxed) {
            let api = self.rng.random_range(0..self.crowd.caller.apis());
            let answer = self.crowd.caller.ask(api, &self.crowd.tally, &request).await;
            if let Some(answer) = answer.filter(|answer| answer.status == 200) {
                self.token = answer.body["access_token"].as_str().unwrap().to_owned();
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
                let published = self.crowd.published.borrow().clone();
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
        self.carry_out(Act::Vote { by: self.id, video }, move |http, api| {
            let request = http.post(format!("{api}/api/public/videos/{video}/vote"));
            request.bearer_auth(&token).header("idempotency-key", &key)
        })
        .await;
    }

    async fn upload(&mut self) {
        let (key, token) = (self.next_key(), self.token.clone());
        let title = format!("{} of {}", key, self.email);
        let clip = self.crowd.clip.clone();
        let act = Act::Upload { by: self.id, title: title.clone() };
        let told = self
            .carry_out(act, move |http, api| {
                let part = Part::bytes(clip.clone()).file_name("clip.mp4");
                let part = part.mime_str("video/mp4").unwrap();
                http.post(format!("{api}/api/videos/upload"))
                    .bearer_auth(&token)
                    .header("idempotency-key", &key)
                    .multipart(Form::new().text("title", title.clone()).part("file", part))
            })
            .await;
        if let Told::Accepted(Effect::Made(video)) = told {
            self.uploaded.push(video);
            // While it is being processed; later most have votes.
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
        self.carry_out(Act::Delete { by: self.id, video }, move |http, api| {
            let request = http.delete(format!("{api}/api/videos/{video}"));
            request.bearer_auth(&token).header("idempotency-key", &key)
        })
        .await;
    }

    async fn carry_out(
        &mut self,
        act: Act,
        request: impl Fn(&reqwest::Client, &str) -> reqwest::RequestBuilder,
    ) -> Told {
        let told = self.crowd.caller.insist(&mut self.rng, &self.crowd.tally, request).await;
        self.crowd.history.write(act, told.clone());
        told
    }

    fn next_key(&mut self) -> String {
        self.acts += 1;
        format!("act {}", self.acts)
    }
}

/// Whose token it is.
fn subject(token: &str) -> Uuid {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    claims["sub"].as_str().unwrap().parse().unwrap()
}
