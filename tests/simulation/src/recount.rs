//! The naive recount: what the log says, by plain code that shares nothing with `domain`.
//!
//! It reads every partition from its beginning and keeps everything. An event id counts once.

use std::collections::{BTreeMap, BTreeSet};

use infra::event_log::Record;
use serde_json::Value;

/// A video, as the recount sees it.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// Account id of whoever uploaded it.
    pub owner: String,
    /// Its title.
    pub title: String,
    /// Key of the original.
    pub original: String,
    /// `pending`, `processing`, `processed`, `failed` or `deleted`.
    pub status: &'static str,
    /// Attempts to process it.
    pub attempts: u64,
    /// Who voted, and when, in microseconds.
    pub votes: BTreeMap<String, i64>,
    /// When, in microseconds.
    pub published_at: i64,
}

/// What became of an event: `ok` or the code of its rejection, and the votes of its video then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// `ok`, or why it was rejected.
    pub code: &'static str,
    /// Votes of its video then.
    pub votes: u64,
}

/// The contest.
#[derive(Default)]
pub struct Recount {
    /// Ids of the accounts that hold their addresses, by the key of their stream.
    pub accounts: BTreeMap<String, String>,
    /// Keys and ids of erased accounts.
    pub erased: BTreeSet<(String, String)>,
    /// Videos by the key of their stream.
    pub videos: BTreeMap<String, Counted>,
    /// What became of each event, by its id.
    pub fates: BTreeMap<String, Fate>,
    /// Records that are no events.
    pub broken: u64,
}

impl Recount {
    /// Counts a whole log, the records of each partition in their order.
    pub fn of(partitions: &[Vec<Record>]) -> Self {
        let mut recount = Self::default();
        for record in partitions.iter().flatten() {
            if recount.count(record).is_none() {
                recount.broken += 1;
            }
        }
        recount
    }

    fn count(&mut self, record: &Record) -> Option<()> {
        let header = |name: &str| {
            let found = record.headers.iter().find(|(key, _)| key == name)?;
            String::from_utf8(found.1.to_vec()).ok()
        };
        let data: Value = serde_json::from_slice(record.value.as_ref()?).ok()?;
        let key = String::from_utf8(record.key.as_ref()?.to_vec()).ok()?;
        let (id, kind) = (header("ce_id")?, header("ce_type")?);
        if kind == "anb.vote.cast" && !data["voter"].is_string() {
            return None;
        }
        if self.fates.contains_key(&id) {
            return Some(());
        }
        let at = record.at.timestamp_micros();
        let code = match kind.as_str() {
            "anb.account.registered" => self.registered(key.clone(), &data),
            "anb.account.erased" => self.erased(key.clone(), &data),
            "anb.video.uploaded" => self.uploaded(key.clone(), &data),
            _ => match self.videos.get_mut(&key) {
                None => "video_unknown",
                Some(video) => video.apply(&kind, &data, at),
            },
        };
        let votes = self.videos.get(&key).map_or(0, |video| video.votes.len() as u64);
        self.fates.insert(id, Fate { code, votes });
        Some(())
    }

    fn registered(&mut self, key: String, data: &Value) -> &'static str {
        if self.erased.contains(&(key.clone(), text(&data["account_id"]))) {
            return "account_erased";
        }
        if self.accounts.contains_key(&key) {
            return "email_taken";
        }
        self.accounts.insert(key, text(&data["account_id"]));
        "ok"
    }

    fn erased(&mut self, key: String, data: &Value) -> &'static str {
        let account = text(&data["account_id"]);
        if self.erased.contains(&(key.clone(), account.clone())) {
            return "account_erased";
        }
        if self.accounts.get(&key) != Some(&account) {
            return "account_unknown";
        }
        self.accounts.remove(&key);
        self.erased.insert((key, account));
        "ok"
    }

    fn uploaded(&mut self, key: String, data: &Value) -> &'static str {
        if self.videos.contains_key(&key) {
            return "video_exists";
        }
        let video = Counted {
            owner: text(&data["owner"]),
            title: text(&data["title"]),
            original: text(&data["original_key"]),
            status: "pending",
            ..Counted::default()
        };
        self.videos.insert(key, video);
        "ok"
    }

    /// Votes and time of the artists on the board.
    pub fn ranking(&self) -> BTreeMap<String, (u64, i64)> {
        let mut ranking = BTreeMap::new();
        let left = self.erased.iter().map(|(_, account)| account);
        for artist in self.accounts.values().chain(left) {
            let on = |video: &&Counted| video.owner == *artist && video.status == "processed";
            let videos: Vec<&Counted> = self.videos.values().filter(on).collect();
            let Some(first) = videos.iter().map(|video| video.published_at).min() else { continue };
            let times: Vec<i64> = videos.iter().flat_map(|v| v.votes.values().copied()).collect();
            let reached = times.iter().copied().max().unwrap_or(first);
            ranking.insert(artist.clone(), (times.len() as u64, reached));
        }
        ranking
    }
}

impl Counted {
    fn apply(&mut self, kind: &str, data: &Value, at: i64) -> &'static str {
        let waits = self.status == "pending" || self.status == "processing";
        let attempt = data["attempt"].as_u64().unwrap_or(0);
        match kind {
            "anb.video.processing_started" => {
                if waits && attempt > self.attempts {
                    (self.attempts, self.status) = (attempt, "processing");
                }
                "ok"
            }
            "anb.video.processed" if waits => {
                (self.published_at, self.status) = (at, "processed");
                "ok"
            }
            "anb.video.processing_failed" if data["final"] == true && waits => {
                (self.attempts, self.status) = (self.attempts.max(attempt), "failed");
                "ok"
            }
            "anb.video.processing_failed" if data["final"] != true => {
                let newest = match self.status {
                    "processing" => attempt >= self.attempts,
                    _ => attempt > self.attempts,
                };
                if waits && newest {
                    (self.attempts, self.status) = (attempt, "pending");
                }
                "ok"
            }
            _ if self.status == "deleted" => "video_deleted",
            "anb.video.processed" | "anb.video.processing_failed" => "already_finished",
            "anb.video.withdrawn" if self.status == "processed" => "already_finished",
            "anb.video.withdrawn" if text(&data["owner"]) != self.owner => "not_owner",
            "anb.video.withdrawn" => {
                self.status = "deleted";
                "ok"
            }
            "anb.video.deleted" if text(&data["by"]) != self.owner => "not_owner",
            "anb.video.deleted" if !self.votes.is_empty() => "has_votes",
            "anb.video.deleted" => {
                self.status = "deleted";
                "ok"
            }
            _ if self.votes.contains_key(&text(&data["voter"])) => "already_voted",
            _ if self.status != "processed" => "not_votable",
            _ => {
                self.votes.insert(text(&data["voter"]), at);
                "ok"
            }
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
