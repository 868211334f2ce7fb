//! The checks at the end of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use domain::{Rejection, Video};
use ports::verdicts::{AwaitedEvent, EffectRow};

use crate::cluster::SimCluster;
use crate::history::{Entry, Operation, Reply};
use crate::lookup::took_effect;
use crate::recount::{CountedVerdict, Recount, RecountedVideo};
use crate::storage::SimStorage;

/// Bounds the wait for a reply in a run without faults, in milliseconds.
const CALM_REPLY_LIMIT_MS: u64 = 2_500;

/// Every violation: read models, replies, operations and originals against the recount.
pub(crate) fn check(
    cluster: &SimCluster,
    recount: &Recount,
    storage: &SimStorage,
    history: &[Entry],
) -> Vec<String> {
    let mut violations = cluster.violations();
    rows(cluster, recount, &mut violations);
    for entry in history {
        check_reply(cluster, recount, entry, &mut violations);
    }
    operations(recount, history, &mut violations);
    let objects = storage.objects();
    for (key, video) in &recount.videos {
        if video.status != "deleted" && !objects.contains(&video.original) {
            violations.push(format!("{key} has lost its original {}", video.original));
        }
    }
    violations
}

/// The rule that holds whatever happens to the log: what a client was told to be accepted is in the read
/// models.
pub(crate) fn check_acceptances(cluster: &SimCluster, history: &[Entry]) -> Vec<String> {
    let mut violations = cluster.violations();
    let database = cluster.database();
    for entry in history.iter().filter(|entry| matches!(entry.reply, Reply::Accepted(_))) {
        let Entry { number, operation, event: event_id, .. } = entry;
        let effect = match operation {
            Operation::Register { account, .. } | Operation::Erase { account, .. } => {
                Some(EffectRow::Account(*account))
            }
            Operation::Upload { .. } => {
                let mut videos = database.rows.videos.iter();
                let uploaded = videos.find(|(_, video)| video.uploaded_by == *event_id);
                uploaded.map(|(id, _)| EffectRow::Video(*id))
            }
            Operation::Delete { video, .. } => Some(EffectRow::Video(*video)),
            Operation::Vote { by, video } => Some(EffectRow::Vote(*video, *by)),
        };
        let awaited = effect.map(|effect| AwaitedEvent { event_id: *event_id, effect });
        if !awaited.is_some_and(|awaited| took_effect(&database.rows, &awaited)) {
            violations.push(format!(
                "operation {number}, {operation:?} {event_id}, was accepted and is in no row"
            ));
        }
    }
    violations
}

fn compare<T: PartialEq + Debug>(what: &str, found: &T, counted: &T, violations: &mut Vec<String>) {
    if found != counted {
        violations.push(format!("{what}: the rows say {found:?}, the recount says {counted:?}"));
    }
}

/// Compares the read models with the recount.
pub(crate) fn rows(cluster: &SimCluster, recount: &Recount, violations: &mut Vec<String>) {
    let database = cluster.database();
    let rows = &database.rows;
    let accounts: BTreeMap<String, String> = rows
        .accounts
        .iter()
        .map(|(email, account)| (format!("account-{}", email.as_str()), account.id.to_string()))
        .collect();
    compare("accounts", &accounts, &recount.accounts, violations);
    let erased: BTreeSet<(String, String)> = rows
        .erased
        .keys()
        .map(|(email, account)| (format!("account-{}", email.as_str()), account.to_string()))
        .collect();
    compare("erased accounts", &erased, &recount.erased, violations);

    let keys: BTreeSet<String> = rows.videos.keys().map(|id| format!("video-{id}")).collect();
    compare("videos", &keys, &recount.videos.keys().cloned().collect(), violations);
    for (id, video) in &rows.videos {
        let key = format!("video-{id}");
        let Some(counted) = recount.videos.get(&key) else { continue };
        compare(&key, &of_row(video), &of_recount(counted), violations);
        let voters = rows.votes.iter().filter(|((voted, _), _)| voted == id);
        let votes: BTreeMap<String, i64> = voters
            .map(|((_, voter), vote)| (voter.to_string(), vote.at.timestamp_micros()))
            .collect();
        compare(&format!("votes of {key}"), &votes, &counted.votes, violations);
    }

    let rejections: BTreeMap<String, &str> =
        rows.rejections.iter().map(|(id, (why, _))| (id.to_string(), why.code())).collect();
    let is_rejected = |(_, verdict): &(&String, &CountedVerdict)| verdict.code != "ok";
    let counted: BTreeMap<String, &str> =
        recount.verdicts.iter().filter(is_rejected).map(|(id, f)| (id.clone(), f.code)).collect();
    compare("rejections", &rejections, &counted, violations);
    compare("dead letters", &(database.dead_letters.len() as u64), &recount.unreadable, violations);

    let ranking: BTreeMap<String, (u64, i64)> = database
        .ranking
        .values()
        .map(|row| (row.artist.to_string(), (row.votes, row.reached_at.timestamp_micros())))
        .collect();
    compare("the ranking", &ranking, &recount.ranking(), violations);
}

type Summary<'a> = (String, &'a str, &'a str, u64, u64, Option<i64>);

fn of_row(video: &Video) -> Summary<'_> {
    let status = video.state.status().code();
    let last = video.last_vote_at.map(|at| at.timestamp_micros());
    (video.owner.to_string(), &video.title, status, u64::from(video.attempts), video.votes, last)
}

fn of_recount(video: &RecountedVideo) -> Summary<'_> {
    let (votes, last) = (video.votes.len() as u64, video.votes.values().max().copied());
    (video.owner.clone(), &video.title, video.status, video.attempts, votes, last)
}

/// Compares one reply with the recount.
fn check_reply(
    cluster: &SimCluster,
    recount: &Recount,
    entry: &Entry,
    violations: &mut Vec<String>,
) {
    let verdict = recount.verdicts.get(&entry.event.to_string());
    let because = match (&entry.reply, verdict) {
        (Reply::Defect(what), _) => Some(what.clone()),
        (Reply::Pending(_), None) if cluster.params.newer_record => None,
        (Reply::Accepted(_) | Reply::Pending(_), None) => Some("it is not in the log".to_owned()),
        (Reply::Accepted(total), Some(verdict)) => {
            accepted_wrongly(recount, entry, *total, verdict)
        }
        (Reply::Rejected(why), Some(verdict)) => {
            // The read models may have ruled it out before the append, and changed since.
            let temporary = matches!(why, Rejection::NotVotable | Rejection::VideoUnknown);
            let erased = *why == Rejection::AccountErased && is_erased(recount, &entry.operation);
            (verdict.code != why.code() && !temporary && !erased)
                .then(|| format!("the log says {}", verdict.code))
        }
        (Reply::Rejected(why), None) => rejected_wrongly(recount, &entry.operation, *why),
        (Reply::Pending(_) | Reply::Unavailable | Reply::Nothing, _) => {
            cluster.params.is_calm().then(|| "nothing went wrong".to_owned())
        }
    };
    let slow = cluster.params.is_calm() && entry.waited_ms > CALM_REPLY_LIMIT_MS;
    let because = because.or_else(|| slow.then(|| format!("after {} ms", entry.waited_ms)));
    if let Some(because) = because {
        let Entry { number, operation, event, reply, .. } = entry;
        violations.push(format!(
            "operation {number}, {operation:?} {event}, was told {reply:?}, but {because}"
        ));
    }
}

fn accepted_wrongly(
    recount: &Recount,
    entry: &Entry,
    total: Option<u64>,
    verdict: &CountedVerdict,
) -> Option<String> {
    if verdict.code != "ok" {
        return Some(format!("the log says {}", verdict.code));
    }
    let Operation::Vote { video, .. } = &entry.operation else { return None };
    let end = recount.videos.get(&format!("video-{video}")).map_or(0, |v| v.votes.len() as u64);
    let total = total.unwrap_or(0);
    (total < verdict.votes || total > end)
        .then(|| format!("it had {} votes with this one, and {end} in the end", verdict.votes))
}

/// Whether the owner's account is erased: then an upload is accepted in the log and withdrawn at once.
fn is_erased(recount: &Recount, operation: &Operation) -> bool {
    let Operation::Upload { by } = operation else { return false };
    recount.erased.iter().any(|(_, account)| *account == by.to_string())
}

/// A rejection without an event must be true in the end, if its reason can't become false again.
fn rejected_wrongly(recount: &Recount, operation: &Operation, why: Rejection) -> Option<String> {
    let (Operation::Vote { by, video } | Operation::Delete { by, video }) = operation else {
        return None;
    };
    let video = recount.videos.get(&format!("video-{video}"));
    let stands = match why {
        Rejection::AlreadyVoted => video?.votes.contains_key(&by.to_string()),
        Rejection::VideoDeleted => video?.status == "deleted",
        Rejection::HasVotes { votes } => video?.votes.len() as u64 >= votes,
        Rejection::NotOwner => video?.owner != by.to_string(),
        Rejection::EmailTaken
        | Rejection::AccountUnknown
        | Rejection::AccountErased
        | Rejection::AlreadyOperator
        | Rejection::NotOperator
        | Rejection::VideoExists
        | Rejection::VideoUnknown
        | Rejection::NotVotable
        | Rejection::AlreadyFinished => true,
    };
    (!stands).then(|| "it is not so".to_owned())
}

/// Compares uploads with the recount: one with a key counts at most once, an accepted one at least once.
fn operations(recount: &Recount, history: &[Entry], violations: &mut Vec<String>) {
    for entry in history {
        if !matches!(entry.operation, Operation::Upload { .. }) {
            continue;
        }
        let title = format!("operation {}", entry.number);
        let videos = recount.videos.values().filter(|video| video.title == title).count();
        if entry.keyed && videos > 1 {
            violations.push(format!("{title} was carried out {videos} times"));
        }
        if matches!(entry.reply, Reply::Accepted(_)) && videos == 0 {
            violations.push(format!("{title} was lost"));
        }
    }
}
