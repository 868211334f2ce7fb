//! What must hold at the end of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use domain::{Rejection, Video, VideoStatus};

use crate::history::{Act, Entry, Told};
use crate::recount::{Counted, Fate, Recount};
use crate::storage::SimStorage;
use crate::world::World;

/// When nothing goes wrong, nobody waits longer for an answer, in milliseconds.
const CALM_ANSWER: u64 = 2_500;

/// Everything that does not hold.
pub(crate) fn check(
    world: &World,
    recount: &Recount,
    storage: &SimStorage,
    history: &[Entry],
) -> Vec<String> {
    let mut wrong = world.violations();
    rows(world, recount, &mut wrong);
    for entry in history {
        answer(world, recount, entry, &mut wrong);
    }
    acts(recount, history, &mut wrong);
    let objects = storage.objects();
    for (key, video) in &recount.videos {
        if video.status != "deleted" && !objects.contains(&video.original) {
            wrong.push(format!("{key} has lost its original {}", video.original));
        }
    }
    wrong
}

fn same<T: PartialEq + Debug>(what: &str, found: &T, counted: &T, wrong: &mut Vec<String>) {
    if found != counted {
        wrong.push(format!("{what}: the rows say {found:?}, the recount says {counted:?}"));
    }
}

/// The read models against the recount.
pub(crate) fn rows(world: &World, recount: &Recount, wrong: &mut Vec<String>) {
    let tables = world.tables();
    let rows = &tables.rows;
    let accounts: BTreeMap<String, String> = rows
        .accounts
        .iter()
        .map(|(email, account)| (format!("account-{}", email.as_str()), account.id.to_string()))
        .collect();
    same("accounts", &accounts, &recount.accounts, wrong);
    let erased: BTreeSet<(String, String)> = rows
        .erased
        .keys()
        .map(|(email, account)| (format!("account-{}", email.as_str()), account.to_string()))
        .collect();
    same("erased accounts", &erased, &recount.erased, wrong);

    let keys: BTreeSet<String> = rows.videos.keys().map(|id| format!("video-{id}")).collect();
    same("videos", &keys, &recount.videos.keys().cloned().collect(), wrong);
    for (id, video) in &rows.videos {
        let key = format!("video-{id}");
        let Some(counted) = recount.videos.get(&key) else { continue };
        same(&key, &of_row(video), &of_recount(counted), wrong);
        let voters = rows.votes.iter().filter(|((voted, _), _)| voted == id);
        let votes: BTreeMap<String, i64> = voters
            .map(|((_, voter), vote)| (voter.to_string(), vote.at.timestamp_micros()))
            .collect();
        same(&format!("votes of {key}"), &votes, &counted.votes, wrong);
    }

    let rejections: BTreeMap<String, &str> =
        rows.rejections.iter().map(|(id, (why, _))| (id.to_string(), why.code())).collect();
    let is_rejected = |(_, fate): &(&String, &Fate)| fate.code != "ok";
    let counted: BTreeMap<String, &str> =
        recount.fates.iter().filter(is_rejected).map(|(id, f)| (id.clone(), f.code)).collect();
    same("rejections", &rejections, &counted, wrong);
    same("dead letters", &(tables.dead_letters.len() as u64), &recount.broken, wrong);

    let ranking: BTreeMap<String, (u64, i64)> = tables
        .ranking
        .values()
        .map(|row| (row.artist.to_string(), (row.votes, row.reached_at.timestamp_micros())))
        .collect();
    same("the ranking", &ranking, &recount.ranking(), wrong);
}

type Summary<'a> = (String, &'a str, &'a str, u64, u64, Option<i64>);

fn of_row(video: &Video) -> Summary<'_> {
    let status = match video.status {
        VideoStatus::Pending => "pending",
        VideoStatus::Processing => "processing",
        VideoStatus::Processed(_) => "processed",
        VideoStatus::Failed(_) => "failed",
        VideoStatus::Deleted { .. } => "deleted",
    };
    let last = video.last_vote_at.map(|at| at.timestamp_micros());
    (video.owner.to_string(), &video.title, status, u64::from(video.attempts), video.votes, last)
}

fn of_recount(video: &Counted) -> Summary<'_> {
    let (votes, last) = (video.votes.len() as u64, video.votes.values().max().copied());
    (video.owner.clone(), &video.title, video.status, video.attempts, votes, last)
}

/// One answer against the recount.
fn answer(world: &World, recount: &Recount, entry: &Entry, wrong: &mut Vec<String>) {
    let fate = recount.fates.get(&entry.event.to_string());
    let because = match (&entry.told, fate) {
        (Told::Defect(what), _) => Some(what.clone()),
        (Told::Accepted(_) | Told::Pending(_), None) => Some("it is not in the log".to_owned()),
        (Told::Accepted(total), Some(fate)) => not_accepted(recount, entry, *total, fate),
        (Told::Rejected(why), Some(fate)) => {
            // The read models may have said so before the log was asked, and things have changed.
            let passing = matches!(why, Rejection::NotVotable | Rejection::VideoUnknown);
            let left = *why == Rejection::AccountErased && has_left(recount, &entry.act);
            (fate.code != why.code() && !passing && !left)
                .then(|| format!("the log says {}", fate.code))
        }
        (Told::Rejected(why), None) => implausible(recount, &entry.act, *why),
        (Told::Pending(_) | Told::Unavailable | Told::Nothing, _) => {
            world.plan.is_calm().then(|| "nothing went wrong".to_owned())
        }
    };
    let slow = world.plan.is_calm() && entry.took > CALM_ANSWER;
    let because = because.or_else(|| slow.then(|| format!("after {} ms", entry.took)));
    if let Some(because) = because {
        let Entry { number, act, event, told, .. } = entry;
        wrong.push(format!("act {number}, {act:?} {event}, was told {told:?}, but {because}"));
    }
}

fn not_accepted(
    recount: &Recount,
    entry: &Entry,
    total: Option<u64>,
    fate: &Fate,
) -> Option<String> {
    if fate.code != "ok" {
        return Some(format!("the log says {}", fate.code));
    }
    let Act::Vote { video, .. } = &entry.act else { return None };
    let end = recount.videos.get(&format!("video-{video}")).map_or(0, |v| v.votes.len() as u64);
    let total = total.unwrap_or(0);
    (total < fate.votes || total > end)
        .then(|| format!("it had {} votes with this one, and {end} in the end", fate.votes))
}

/// An upload counts in the log, and is withdrawn at once, if its owner's account was erased meanwhile.
fn has_left(recount: &Recount, act: &Act) -> bool {
    let Act::Upload { by } = act else { return false };
    recount.erased.iter().any(|(_, account)| *account == by.to_string())
}

/// A refusal that never came to the log must be true in the end, if it is one that stays true.
fn implausible(recount: &Recount, act: &Act, why: Rejection) -> Option<String> {
    let (Act::Vote { by, video } | Act::Delete { by, video }) = act else { return None };
    let video = recount.videos.get(&format!("video-{video}"));
    let stands = match why {
        Rejection::AlreadyVoted => video?.votes.contains_key(&by.to_string()),
        Rejection::VideoDeleted => video?.status == "deleted",
        Rejection::HasVotes { votes } => video?.votes.len() as u64 >= votes,
        Rejection::NotOwner => video?.owner != by.to_string(),
        _ => true,
    };
    (!stands).then(|| "it is not so".to_owned())
}

/// Acts against the recount: with a key an upload counts once however often it was tried; told so,
/// it counts at least once.
fn acts(recount: &Recount, history: &[Entry], wrong: &mut Vec<String>) {
    for entry in history {
        if !matches!(entry.act, Act::Upload { .. }) {
            continue;
        }
        let title = format!("act {}", entry.number);
        let videos = recount.videos.values().filter(|video| video.title == title).count();
        if entry.keyed && videos > 1 {
            wrong.push(format!("{title} was carried out {videos} times"));
        }
        if matches!(entry.told, Told::Accepted(_)) && videos == 0 {
            wrong.push(format!("{title} was lost"));
        }
    }
}
