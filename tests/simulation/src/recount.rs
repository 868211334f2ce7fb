//! The recount: what the log says, by plain code that shares nothing with `domain`.
//!
//! It reads every partition from its beginning and keeps everything. An event id counts once.

use std::collections::{BTreeMap, BTreeSet};

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

/// The types of event. Matches on them are exhaustive, so that a new one is not counted as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EventType {
    Registered,
    Erased,
    OperatorGranted,
    OperatorRevoked,
    Uploaded,
    Video(VideoEventType),
}

/// The types of event about a video that was uploaded before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum VideoEventType {
    ProcessingStarted,
    Processed,
    ProcessingFailed,
    Deleted,
    Withdrawn,
    VoteCast,
}

impl EventType {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "anb.account.registered" => Self::Registered,
            "anb.account.erased" => Self::Erased,
            "anb.operator.granted" => Self::OperatorGranted,
            "anb.operator.revoked" => Self::OperatorRevoked,
            "anb.video.uploaded" => Self::Uploaded,
            "anb.video.processing_started" => Self::Video(VideoEventType::ProcessingStarted),
            "anb.video.processed" => Self::Video(VideoEventType::Processed),
            "anb.video.processing_failed" => Self::Video(VideoEventType::ProcessingFailed),
            "anb.video.deleted" => Self::Video(VideoEventType::Deleted),
            "anb.video.withdrawn" => Self::Video(VideoEventType::Withdrawn),
            "anb.vote.cast" => Self::Video(VideoEventType::VoteCast),
            _ => return None,
        })
    }
}

impl Recount {
    /// Counts a whole log, the records of each partition in their order.
    pub fn of(partitions: &[Vec<Record>]) -> Self {
        let mut recount = Self::default();
        for record in partitions.iter().flatten() {
            if recount.count(record).is_none() {
                recount.unreadable += 1;
            }
        }
        recount
    }

    /// Counts a record; `None` if it is no event.
    fn count(&mut self, record: &Record) -> Option<()> {
        let header = |name: &str| {
            let found = record.headers.iter().find(|(key, _)| key == name)?;
            String::from_utf8(found.1.to_vec()).ok()
        };
        let data: Value = serde_json::from_slice(record.value.as_ref()?).ok()?;
        let key = String::from_utf8(record.key.as_ref()?.to_vec()).ok()?;
        let (id, event_type) = (header("ce_id")?, EventType::parse(&header("ce_type")?)?);
        if event_type == EventType::Video(VideoEventType::VoteCast) && !data["voter"].is_string() {
            return None;
        }
        if self.verdicts.contains_key(&id) {
            return Some(());
        }
        let at = record.at.timestamp_micros();
        let account = (key.clone(), text(&data["account_id"]));
        let code = match event_type {
            EventType::Registered => self.register(account),
            EventType::Erased => self.erase(account),
            EventType::OperatorGranted => self.grant_operator(account),
            EventType::OperatorRevoked => self.revoke_operator(&account),
            EventType::Uploaded => self.upload(key.clone(), &data),
            EventType::Video(event_type) => match self.videos.get_mut(&key) {
                None => "video_unknown",
                Some(video) => video.apply(event_type, &data, at),
            },
        };
        let votes = self.videos.get(&key).map_or(0, |video| video.votes.len() as u64);
        self.verdicts.insert(id, CountedVerdict { code, votes });
        Some(())
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
    fn apply(&mut self, event_type: VideoEventType, data: &Value, at: i64) -> &'static str {
        use VideoEventType::{
            Deleted, Processed, ProcessingFailed, ProcessingStarted, VoteCast, Withdrawn,
        };
        let waits = self.status == "pending" || self.status == "processing";
        let attempt = data["attempt"].as_u64().unwrap_or(0);
        match event_type {
            ProcessingStarted => {
                if waits && attempt > self.attempts {
                    (self.attempts, self.status) = (attempt, "processing");
                }
                "ok"
            }
            ProcessingFailed if data["final"] != true => {
                let newest = match self.status {
                    "processing" => attempt >= self.attempts,
                    _ => attempt > self.attempts,
                };
                if waits && newest {
                    (self.attempts, self.status) = (attempt, "pending");
                }
                "ok"
            }
            Processed | ProcessingFailed | Deleted | Withdrawn | VoteCast
                if self.status == "deleted" =>
            {
                "video_deleted"
            }
            Processed if waits => {
                self.published_at = at;
                self.end("processed")
            }
            ProcessingFailed if waits => {
                self.attempts = self.attempts.max(attempt);
                self.end("failed")
            }
            Processed | ProcessingFailed => "already_finished",
            Withdrawn if self.status == "processed" => "already_finished",
            Withdrawn if text(&data["owner"]) != self.owner => "not_owner",
            Withdrawn => self.end("deleted"),
            Deleted if text(&data["by"]) != self.owner => "not_owner",
            Deleted if !self.votes.is_empty() => "has_votes",
            Deleted => self.end("deleted"),
            VoteCast if self.votes.contains_key(&text(&data["voter"])) => "already_voted",
            VoteCast if self.status != "processed" => "not_votable",
            VoteCast => {
                self.votes.insert(text(&data["voter"]), at);
                "ok"
            }
        }
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

#[cfg(test)]
mod tests {
    use super::EventType;

    #[test]
    fn every_event_type_is_counted() {
        for event_type in domain::EventType::ALL {
            let code = event_type.code();
            assert!(EventType::parse(code).is_some(), "{code} is counted as unreadable");
        }
    }
}
