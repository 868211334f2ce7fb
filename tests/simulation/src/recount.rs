//! The recount: what the log says, by plain code that shares no rule with `domain`.
//!
//! It reads every partition from its beginning and keeps everything. An event id counts once.

use std::collections::{BTreeMap, BTreeSet};

use domain::EventType;
use infra::event_log::Record;
use serde_json::Value;

/// A video as recounted.
#[derive(Clone, Debug, Default)]
pub struct RecountedVideo {
    /// Account id of its owner.
    pub owner: String,
    /// Its title.
    pub title: String,
    /// Key of the original.
    pub original: String,
    /// `pending`, `processing`, `processed`, `failed` or `deleted`.
    pub status: &'static str,
    /// The final statuses that it has had, in their order.
    pub ends: Vec<&'static str>,
    /// Attempts to process it.
    pub attempts: u64,
    /// Voters and the times of their votes, in microseconds.
    pub votes: BTreeMap<String, i64>,
    /// Time of publication, in microseconds.
    pub published_at: i64,
}

/// The verdict on an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedVerdict {
    /// `ok`, or the code of its rejection.
    pub code: &'static str,
    /// Votes of its video right after it.
    pub votes: u64,
}

/// The contest as recounted.
#[derive(Default)]
pub struct Recount {
    /// Ids of the accounts that hold their addresses, by the key of their stream.
    pub accounts: BTreeMap<String, String>,
    /// Keys and ids of erased accounts.
    pub erased: BTreeSet<(String, String)>,
    /// Keys and ids of the accounts that are operators.
    pub operators: BTreeSet<(String, String)>,
    /// Videos by the key of their stream.
    pub videos: BTreeMap<String, RecountedVideo>,
    /// Verdicts by event id.
    pub verdicts: BTreeMap<String, CountedVerdict>,
    /// Number of records that are no events.
    pub unreadable: u64,
}

/// Whether only a newer version can read the record.
pub(crate) fn is_newer(record: &Record) -> bool {
    let header = |name: &str| {
        let found = record.headers.iter().find(|(key, _)| key == name)?;
        std::str::from_utf8(&found.1).ok()
    };
    let (Some(code), Some(version)) = (header("ce_type"), header("ce_schemaversion")) else {
        return false;
    };
    let newest = EventType::from_code(code).map(EventType::newest_version);
    newest.is_some_and(|newest| version.parse::<u32>().is_ok_and(|version| version > newest))
}

impl Recount {
    /// Counts a whole log, the records of each partition in their order.
    pub fn of<'a>(partitions: &'a [Vec<Record>]) -> Self {
        let mut recount = Self::default();
        let readable = |records: &'a Vec<Record>| {
            // A record that waits for a newer version holds up its partition.
            records.iter().take_while(|record| !is_newer(record))
        };
        for record in partitions.iter().flat_map(readable) {
            if recount.count(record).is_none() {
                recount.unreadable += 1;
            }
        }
        recount
    }

    /// Counts a record; `None` if it is no event. The match is exhaustive, so that a new type of event
    /// is not counted as another.
    fn count(&mut self, record: &Record) -> Option<()> {
        let header = |name: &str| {
            let found = record.headers.iter().find(|(key, _)| key == name)?;
            String::from_utf8(found.1.to_vec()).ok()
        };
        let data: Value = serde_json::from_slice(record.value.as_ref()?).ok()?;
        let key = String::from_utf8(record.key.as_ref()?.to_vec()).ok()?;
        let (id, event_type) = (header("ce_id")?, EventType::from_code(&header("ce_type")?)?);
        if event_type == EventType::VoteCast && !data["voter"].is_string() {
            return None;
        }
        if self.verdicts.contains_key(&id) {
            return Some(());
        }
        let at = record.at.timestamp_micros();
        let account = || (key.clone(), text(&data["account_id"]));
        let attempt = data["attempt"].as_u64().unwrap_or(0);
        let code = match event_type {
            EventType::AccountRegistered => self.register(account()),
            EventType::AccountErased => self.erase(account()),
            EventType::OperatorGranted => self.grant_operator(account()),
            EventType::OperatorRevoked => self.revoke_operator(&account()),
            EventType::VideoUploaded => self.upload(key.clone(), &data),
            EventType::VideoProcessingStarted => self.video(&key, |v| v.start_processing(attempt)),
            EventType::VideoProcessed => self.video(&key, |v| v.finish_processing(at)),
            EventType::VideoProcessingFailed if data["final"] == true => {
                self.video(&key, |v| v.fail(attempt))
            }
            EventType::VideoProcessingFailed => self.video(&key, |v| v.wait_again(attempt)),
            EventType::VideoDeleted => self.video(&key, |v| v.delete(&text(&data["by"]))),
            EventType::VideoWithdrawn => self.video(&key, |v| v.withdraw(&text(&data["owner"]))),
            EventType::VoteCast => self.video(&key, |v| v.vote(text(&data["voter"]), at)),
        };
        let votes = self.videos.get(&key).map_or(0, |video| video.votes.len() as u64);
        self.verdicts.insert(id, CountedVerdict { code, votes });
        Some(())
    }

    fn video(
        &mut self,
        key: &str,
        apply: impl FnOnce(&mut RecountedVideo) -> &'static str,
    ) -> &'static str {
        self.videos.get_mut(key).map_or("video_unknown", apply)
    }

    fn register(&mut self, account: (String, String)) -> &'static str {
        if self.erased.contains(&account) {
            return "account_erased";
        }
        if self.accounts.contains_key(&account.0) {
            return "email_taken";
        }
        self.accounts.insert(account.0, account.1);
        "ok"
    }

    fn erase(&mut self, account: (String, String)) -> &'static str {
        if let Some(code) = self.missing(&account) {
            return code;
        }
        self.accounts.remove(&account.0);
        self.operators.remove(&account);
        self.erased.insert(account);
        "ok"
    }

    fn grant_operator(&mut self, account: (String, String)) -> &'static str {
        match self.missing(&account) {
            Some(code) => code,
            None if self.operators.insert(account) => "ok",
            None => "already_operator",
        }
    }

    fn revoke_operator(&mut self, account: &(String, String)) -> &'static str {
        match self.missing(account) {
            Some(code) => code,
            None if self.operators.remove(account) => "ok",
            None => "not_operator",
        }
    }

    /// Why an account does not hold its address, if it does not.
    fn missing(&self, account: &(String, String)) -> Option<&'static str> {
        match self.accounts.get(&account.0) {
            Some(holder) if *holder == account.1 => None,
            _ if self.erased.contains(account) => Some("account_erased"),
            _ => Some("account_unknown"),
        }
    }

    fn upload(&mut self, key: String, data: &Value) -> &'static str {
        if self.videos.contains_key(&key) {
            return "video_exists";
        }
        let video = RecountedVideo {
            owner: text(&data["owner"]),
            title: text(&data["title"]),
            original: text(&data["original_key"]),
            status: "pending",
            ..RecountedVideo::default()
        };
        self.videos.insert(key, video);
        "ok"
    }

    /// Votes of each artist with published videos, and the time when they reached that count.
    pub fn ranking(&self) -> BTreeMap<String, (u64, i64)> {
        let mut ranking = BTreeMap::new();
        let erased = self.erased.iter().map(|(_, account)| account);
        for artist in self.accounts.values().chain(erased) {
            let counts =
                |video: &&RecountedVideo| video.owner == *artist && video.status == "processed";
            let videos: Vec<&RecountedVideo> = self.videos.values().filter(counts).collect();
            let Some(first) = videos.iter().map(|video| video.published_at).min() else { continue };
            let times: Vec<i64> = videos.iter().flat_map(|v| v.votes.values().copied()).collect();
            let reached = times.iter().copied().max().unwrap_or(first);
            ranking.insert(artist.clone(), (times.len() as u64, reached));
        }
        ranking
    }
}

impl RecountedVideo {
    fn waits(&self) -> bool {
        matches!(self.status, "pending" | "processing")
    }

    fn start_processing(&mut self, attempt: u64) -> &'static str {
        if self.waits() && attempt > self.attempts {
            (self.attempts, self.status) = (attempt, "processing");
        }
        "ok"
    }

    fn wait_again(&mut self, attempt: u64) -> &'static str {
        let newest = match self.status {
            "processing" => attempt >= self.attempts,
            _ => attempt > self.attempts,
        };
        if self.waits() && newest {
            (self.attempts, self.status) = (attempt, "pending");
        }
        "ok"
    }

    fn finish_processing(&mut self, at: i64) -> &'static str {
        if !self.waits() {
            return self.ended();
        }
        self.published_at = at;
        self.end("processed")
    }

    fn fail(&mut self, attempt: u64) -> &'static str {
        if !self.waits() {
            return self.ended();
        }
        self.attempts = self.attempts.max(attempt);
        self.end("failed")
    }

    fn delete(&mut self, by: &str) -> &'static str {
        match self.status {
            "deleted" => "video_deleted",
            _ if by != self.owner => "not_owner",
            _ if !self.votes.is_empty() => "has_votes",
            _ => self.end("deleted"),
        }
    }

    fn withdraw(&mut self, owner: &str) -> &'static str {
        match self.status {
            "deleted" | "processed" => self.ended(),
            _ if owner != self.owner => "not_owner",
            _ => self.end("deleted"),
        }
    }

    fn vote(&mut self, voter: String, at: i64) -> &'static str {
        match self.status {
            "deleted" => "video_deleted",
            _ if self.votes.contains_key(&voter) => "already_voted",
            "processed" => {
                self.votes.insert(voter, at);
                "ok"
            }
            _ => "not_votable",
        }
    }

    /// The rejection of an event that comes after the end.
    fn ended(&self) -> &'static str {
        if self.status == "deleted" { "video_deleted" } else { "already_finished" }
    }

    fn end(&mut self, status: &'static str) -> &'static str {
        self.status = status;
        self.ends.push(status);
        "ok"
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
