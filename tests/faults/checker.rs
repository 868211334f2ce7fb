//! Holds what clients were told against what is true in the end.

#[path = "checker_tests.rs"]
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::facts::{CountedVideo, Facts, Video};
use super::history::{Act, Effect, Entry, Told};

/// Reasons for which a sound file may fail: all of them ours.
const OUR_FAULTS: [&str; 5] =
    ["timed_out", "out_of_resources", "worker_lost", "storage_unavailable", "internal"];

/// Everything that does not hold.
pub(crate) fn check(history: &[Entry], facts: &Facts) -> Vec<String> {
    let mut wrong = facts.alarms.clone();
    answers(history, facts, &mut wrong);
    votes(history, facts, &mut wrong);
    accounts(history, facts, &mut wrong);
    videos(history, facts, &mut wrong);
    objects(facts, &mut wrong);
    rows(facts, &mut wrong);
    wrong
}

/// Each answer by itself.
fn answers(history: &[Entry], facts: &Facts, wrong: &mut Vec<String>) {
    for Entry { act, told } in history {
        let because = match told {
            Told::Absurd(_) => Some("nobody may be told that".to_owned()),
            Told::Pending(_) => Some("its token was never resolved".to_owned()),
            Told::Accepted(effect) => not_done(act, *effect, facts),
            Told::Rejected(code) => not_so(act, code, history, facts),
            Told::Nothing => None,
        };
        wrong.extend(because.map(|because| format!("{act:?} was told {told:?}, but {because}")));
    }
}

/// Why an act that was acknowledged did not take effect.
fn not_done(act: &Act, effect: Effect, facts: &Facts) -> Option<String> {
    let because = |holds: bool, because: &str| (!holds).then(|| because.to_owned());
    match (act, effect) {
        (Act::Register { .. }, Effect::Made(id)) => {
            because(facts.accounts.contains(&id), "there is no such account")
        }
        (Act::Upload { by, title }, Effect::Made(id)) => {
            let is_it = |video: &Video| video.owner == *by && video.title == *title;
            because(facts.videos.get(&id).is_some_and(is_it), "there is no such video")
        }
        (Act::Vote { by, video }, Effect::Votes(then)) => {
            let now = facts.videos.get(video).map_or(0, |video| video.votes);
            because(facts.votes.contains(&(*video, *by)), "it does not count")
                .or_else(|| because((1..=now).contains(&then), &format!("there are {now} now")))
        }
        (Act::Delete { video, .. }, Effect::Done) => {
            because(facts.videos.get(video).is_some_and(is_deleted), "it is still there")
        }
        // Its token said so, which tells no more than that.
        (Act::Register { .. } | Act::Upload { .. }, Effect::Done) => None,
        _ => Some("that is another act's answer".to_owned()),
    }
}

/// Why a refusal was not justified. One that may be true for a moment only is believed.
fn not_so(act: &Act, code: &str, history: &[Entry], facts: &Facts) -> Option<String> {
    let holds = match (act, code) {
        (Act::Register { email }, "email_taken") => {
            let others =
                history.iter().filter(|entry| entry.act == Act::Register { email: email.clone() });
            others.count() > 1
        }
        (Act::Vote { by, video }, "already_voted") => {
            let cast = history.iter().filter(|entry| entry.act == *act).count();
            cast > 1 && facts.votes.contains(&(*video, *by))
        }
        (Act::Delete { video, .. }, "has_votes") => {
            facts.videos.get(video).is_some_and(|video| video.votes > 0)
        }
        // The read models may be behind for a moment, after a crash of their database.
        (Act::Vote { .. }, "video_unknown" | "not_votable")
        | (Act::Delete { .. }, "video_unknown") => true,
        _ => false,
    };
    (!holds).then(|| "it is not so".to_owned())
}

fn is_deleted(video: &Video) -> bool {
    video.status == "deleted"
}

/// Every vote that counts was cast, once, by who it says.
fn votes(history: &[Entry], facts: &Facts, wrong: &mut Vec<String>) {
    let cast: BTreeSet<(Uuid, Uuid)> = history
        .iter()
        .filter_map(|entry| match &entry.act {
            Act::Vote { by, video } => Some((*video, *by)),
            _ => None,
        })
        .collect();
    let invented = facts.votes.difference(&cast);
    wrong.extend(invented.map(|vote| format!("{vote:?} counts, and was never cast")));
    let mut by_video: BTreeMap<Uuid, u64> = BTreeMap::new();
    for (video, _) in &facts.votes {
        *by_video.entry(*video).or_default() += 1;
    }
    for (id, video) in &facts.videos {
        let rows = by_video.get(id).copied().unwrap_or(0);
        if video.votes != rows {
            wrong.push(format!("video {id} has {} votes and {rows} rows", video.votes));
        }
    }
}

/// Each address has one account, and each account a person.
fn accounts(history: &[Entry], facts: &Facts, wrong: &mut Vec<String>) {
    let mut made: BTreeMap<&str, BTreeSet<Uuid>> = BTreeMap::new();
    for entry in history {
        if let (Act::Register { email }, Told::Accepted(Effect::Made(id))) =
            (&entry.act, &entry.told)
        {
            made.entry(email).or_default().insert(*id);
        }
    }
    for (email, ids) in made.into_iter().filter(|(_, ids)| ids.len() > 1) {
        wrong.push(format!("{email} has {} accounts", ids.len()));
    }
    let nameless = facts.accounts.difference(&facts.people);
    wrong.extend(nameless.map(|id| format!("account {id} has lost its personal data")));
}

/// Each upload made one video at most, and each video came to one end.
fn videos(history: &[Entry], facts: &Facts, wrong: &mut Vec<String>) {
    let mut titles: BTreeMap<&str, usize> = BTreeMap::new();
    for video in facts.videos.values() {
        *titles.entry(&video.title).or_default() += 1;
    }
    for entry in history {
        let Act::Upload { title, .. } = &entry.act else { continue };
        let made = titles.remove(title.as_str()).unwrap_or(0);
        let acknowledged = matches!(entry.told, Told::Accepted(_));
        if made > 1 || (acknowledged && made == 0) {
            wrong.push(format!("the upload `{title}` made {made} videos"));
        }
    }
    wrong.extend(titles.keys().map(|title| format!("nobody has uploaded `{title}`")));
    for (id, video) in &facts.videos {
        let ends = facts.counted_videos.get(id).map_or(&[][..], |counted| &counted.ends);
        let sound = match ends {
            [one] => *one == video.status,
            ["processed" | "failed", "deleted"] => video.status == "deleted",
            _ => false,
        };
        if !sound {
            wrong.push(format!("video {id} is {}, and came to these ends: {ends:?}", video.status));
        }
        if let Some(reason) = &video.failure
            && !OUR_FAULTS.contains(&reason.as_str())
        {
            wrong.push(format!("video {id} is sound, and failed as {reason}"));
        }
    }
}

/// No object without a video, no video without its objects.
fn objects(facts: &Facts, wrong: &mut Vec<String>) {
    let mut needed: BTreeMap<&str, Option<u64>> = BTreeMap::new();
    for video in facts.videos.values().filter(|video| !is_deleted(video)) {
        needed.extend(video.objects.iter().map(|(key, size)| (key.as_str(), *size)));
    }
    for (key, size) in &needed {
        match facts.objects.get(*key) {
            None => wrong.push(format!("object {key} is lost")),
            Some(found) if *found == 0 || size.is_some_and(|size| size != *found) => {
                wrong.push(format!("object {key} has {found} bytes, and should have {size:?}"));
            }
            Some(_) => {}
        }
    }
    let (streams, others): (Vec<&str>, Vec<&str>) =
        facts.objects.keys().map(String::as_str).partition(|key| key.starts_with("hls/"));
    // Of a stream, the video names only the list of all lists.
    let parts = |list: &str| streams.iter().filter(|key| folder(key) == folder(list)).count();
    for list in needed.keys().filter(|key| key.starts_with("hls/") && parts(key) < 3) {
        wrong.push(format!("stream {list} has no parts"));
    }
    let lists: BTreeSet<&str> = needed.keys().map(|key| folder(key)).collect();
    let orphans = others.iter().filter(|key| !needed.contains_key(*key));
    let orphans = orphans.chain(streams.iter().filter(|key| !lists.contains(folder(key))));
    wrong.extend(orphans.map(|key| format!("object {key} belongs to no video")));
}

fn folder(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The read models, the recount, the rankings and a rebuild agree.
fn rows(facts: &Facts, wrong: &mut Vec<String>) {
    if facts.accounts != facts.counted_accounts {
        wrong.push("the accounts are not those of the recount".to_owned());
    }
    if facts.videos.keys().ne(facts.counted_videos.keys()) {
        wrong.push("the videos are not those of the recount".to_owned());
    }
    for (id, CountedVideo { status, voters, .. }) in &facts.counted_videos {
        let row = facts.videos.get(id).map_or("missing", |video| &video.status);
        if row != status {
            wrong.push(format!("video {id} is {row}, the recount says {status}"));
        }
        let rows: BTreeSet<Uuid> =
            facts.votes.range((*id, Uuid::nil())..=(*id, Uuid::max())).map(|vote| vote.1).collect();
        if rows != *voters {
            wrong.push(format!("video {id}: its voters are not those of the recount"));
        }
    }
    for (n, board) in facts.boards.iter().enumerate() {
        if *board != facts.counted_board {
            wrong.push(format!("the ranking of API {} is not that of the recount", n + 1));
        }
    }
    let [live, rebuilt] = &facts.checksums;
    if live != rebuilt {
        wrong.push(format!("a rebuild comes to something else: {live:?} {rebuilt:?}"));
    }
    if facts.dead_letters > 0 {
        wrong.push(format!("{} records are no events", facts.dead_letters));
    }
}
