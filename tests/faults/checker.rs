//! The checker: compares the history of the clients with the final state.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::final_state::{ExpectedVideo, FinalState, Video};
use super::history::{Effect, Entry, Operation, Reply};

/// Failure reasons that blame the system: a valid file may fail for these only.
const INTERNAL_FAILURES: [&str; 5] =
    ["timed_out", "out_of_resources", "worker_lost", "storage_unavailable", "internal"];

/// Every violation.
pub(crate) fn check(history: &[Entry], state: &FinalState) -> Vec<String> {
    let mut violations = state.alarms.clone();
    replies(history, state, &mut violations);
    votes(history, state, &mut violations);
    accounts(history, state, &mut violations);
    videos(history, state, &mut violations);
    objects(state, &mut violations);
    rows(state, &mut violations);
    violations
}

/// Checks each reply.
fn replies(history: &[Entry], state: &FinalState, violations: &mut Vec<String>) {
    for Entry { operation, reply } in history {
        let because = match reply {
            Reply::Invalid(_) => Some("that is no valid reply".to_owned()),
            Reply::Pending(_) => Some("its token was never resolved".to_owned()),
            Reply::Accepted(effect) => accepted_wrongly(operation, *effect, state),
            Reply::Rejected(code) => rejected_wrongly(operation, code, history, state),
            Reply::Nothing => None,
        };
        violations.extend(
            because.map(|because| format!("{operation:?} was told {reply:?}, but {because}")),
        );
    }
}

/// Why an accepted operation did not take effect, if it did not.
fn accepted_wrongly(operation: &Operation, effect: Effect, state: &FinalState) -> Option<String> {
    let because = |holds: bool, because: &str| (!holds).then(|| because.to_owned());
    match (operation, effect) {
        (Operation::Register { .. }, Effect::Created(id)) => {
            because(state.accounts.contains(&id), "there is no such account")
        }
        (Operation::Upload { by, title }, Effect::Created(id)) => {
            let is_it = |video: &Video| video.owner == *by && video.title == *title;
            because(state.videos.get(&id).is_some_and(is_it), "there is no such video")
        }
        (Operation::Vote { by, video }, Effect::Votes(then)) => {
            let now = state.videos.get(video).map_or(0, |video| video.votes);
            because(state.votes.contains(&(*video, *by)), "it does not count")
                .or_else(|| because((1..=now).contains(&then), &format!("there are {now} now")))
        }
        (Operation::Delete { video, .. }, Effect::Done) => {
            because(state.videos.get(video).is_some_and(is_deleted), "it is still there")
        }
        // A command token says "accepted" and no more.
        (Operation::Register { .. } | Operation::Upload { .. }, Effect::Done) => None,
        _ => Some("that is the reply to another operation".to_owned()),
    }
}

/// Why a rejection was wrong, if it was. A reason that may have been true for a moment is accepted.
fn rejected_wrongly(
    operation: &Operation,
    code: &str,
    history: &[Entry],
    state: &FinalState,
) -> Option<String> {
    let holds = match (operation, code) {
        (Operation::Register { email }, "email_taken") => {
            let others = history
                .iter()
                .filter(|entry| entry.operation == Operation::Register { email: email.clone() });
            others.count() > 1
        }
        (Operation::Vote { by, video }, "already_voted") => {
            let cast = history.iter().filter(|entry| entry.operation == *operation).count();
            cast > 1 && state.votes.contains(&(*video, *by))
        }
        (Operation::Delete { video, .. }, "has_votes") => {
            state.videos.get(video).is_some_and(|video| video.votes > 0)
        }
        // After a crash of the database the read models may lag behind.
        (Operation::Vote { .. }, "video_unknown" | "not_votable")
        | (Operation::Delete { .. }, "video_unknown") => true,
        _ => false,
    };
    (!holds).then(|| "it is not so".to_owned())
}

fn is_deleted(video: &Video) -> bool {
    video.status == "deleted"
}

/// Every counted vote was cast by its voter, and totals match the rows.
fn votes(history: &[Entry], state: &FinalState, violations: &mut Vec<String>) {
    let cast: BTreeSet<(Uuid, Uuid)> = history
        .iter()
        .filter_map(|entry| match &entry.operation {
            Operation::Vote { by, video } => Some((*video, *by)),
            _ => None,
        })
        .collect();
    let invented = state.votes.difference(&cast);
    violations.extend(invented.map(|vote| format!("{vote:?} counts, and was never cast")));
    let mut by_video: BTreeMap<Uuid, u64> = BTreeMap::new();
    for (video, _) in &state.votes {
        *by_video.entry(*video).or_default() += 1;
    }
    for (id, video) in &state.videos {
        let rows = by_video.get(id).copied().unwrap_or(0);
        if video.votes != rows {
            violations.push(format!("video {id} has {} votes and {rows} rows", video.votes));
        }
    }
}

/// Each address has one account, and each account has its personal data.
fn accounts(history: &[Entry], state: &FinalState, violations: &mut Vec<String>) {
    let mut made: BTreeMap<&str, BTreeSet<Uuid>> = BTreeMap::new();
    for entry in history {
        if let (Operation::Register { email }, Reply::Accepted(Effect::Created(id))) =
            (&entry.operation, &entry.reply)
        {
            made.entry(email).or_default().insert(*id);
        }
    }
    for (email, ids) in made.into_iter().filter(|(_, ids)| ids.len() > 1) {
        violations.push(format!("{email} has {} accounts", ids.len()));
    }
    let nameless = state.accounts.difference(&state.personal_data);
    violations.extend(nameless.map(|id| format!("account {id} has lost its personal data")));
}

/// Each upload made one video at most, and each video has exactly one end.
fn videos(history: &[Entry], state: &FinalState, violations: &mut Vec<String>) {
    let mut titles: BTreeMap<&str, usize> = BTreeMap::new();
    for video in state.videos.values() {
        *titles.entry(&video.title).or_default() += 1;
    }
    for entry in history {
        let Operation::Upload { title, .. } = &entry.operation else { continue };
        let made = titles.remove(title.as_str()).unwrap_or(0);
        let acknowledged = matches!(entry.reply, Reply::Accepted(_));
        if made > 1 || (acknowledged && made == 0) {
            violations.push(format!("the upload `{title}` made {made} videos"));
        }
    }
    violations.extend(titles.keys().map(|title| format!("nobody has uploaded `{title}`")));
    for (id, video) in &state.videos {
        let ends = state.expected_videos.get(id).map_or(&[][..], |counted| &counted.ends);
        let sound = match ends {
            [one] => *one == video.status,
            ["processed" | "failed", "deleted"] => video.status == "deleted",
            _ => false,
        };
        if !sound {
            violations
                .push(format!("video {id} is {}, and came to these ends: {ends:?}", video.status));
        }
        if let Some(reason) = &video.failure
            && !INTERNAL_FAILURES.contains(&reason.as_str())
        {
            violations.push(format!("video {id} is sound, and failed as {reason}"));
        }
    }
}

/// Each object belongs to a video, and each video has its objects.
fn objects(state: &FinalState, violations: &mut Vec<String>) {
    let mut needed: BTreeMap<&str, Option<u64>> = BTreeMap::new();
    for video in state.videos.values().filter(|video| !is_deleted(video)) {
        needed.extend(video.objects.iter().map(|(key, size)| (key.as_str(), *size)));
    }
    for (key, size) in &needed {
        match state.objects.get(*key) {
            None => violations.push(format!("object {key} is lost")),
            Some(found) if *found == 0 || size.is_some_and(|size| size != *found) => {
                violations
                    .push(format!("object {key} has {found} bytes, and should have {size:?}"));
            }
            Some(_) => {}
        }
    }
    let (streams, others): (Vec<&str>, Vec<&str>) =
        state.objects.keys().map(String::as_str).partition(|key| key.starts_with("hls/"));
    // A video names only the master playlist of its stream.
    let parts = |list: &str| streams.iter().filter(|key| folder(key) == folder(list)).count();
    for list in needed.keys().filter(|key| key.starts_with("hls/") && parts(key) < 3) {
        violations.push(format!("stream {list} has no parts"));
    }
    let lists: BTreeSet<&str> = needed.keys().map(|key| folder(key)).collect();
    let orphans = others.iter().filter(|key| !needed.contains_key(*key));
    let orphans = orphans.chain(streams.iter().filter(|key| !lists.contains(folder(key))));
    violations.extend(orphans.map(|key| format!("object {key} belongs to no video")));
}

fn folder(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The read models, the rankings and a rebuild agree with the recount.
fn rows(state: &FinalState, violations: &mut Vec<String>) {
    if state.accounts != state.expected_accounts {
        violations.push("the accounts are not those of the recount".to_owned());
    }
    if state.videos.keys().ne(state.expected_videos.keys()) {
        violations.push("the videos are not those of the recount".to_owned());
    }
    for (id, ExpectedVideo { status, voters, .. }) in &state.expected_videos {
        let row = state.videos.get(id).map_or("missing", |video| &video.status);
        if row != status {
            violations.push(format!("video {id} is {row}, the recount says {status}"));
        }
        let rows: BTreeSet<Uuid> =
            state.votes.range((*id, Uuid::nil())..=(*id, Uuid::max())).map(|vote| vote.1).collect();
        if rows != *voters {
            violations.push(format!("video {id}: its voters are not those of the recount"));
        }
    }
    for (n, board) in state.boards.iter().enumerate() {
        if *board != state.expected_board {
            violations.push(format!("the ranking of API {} is not that of the recount", n + 1));
        }
    }
    let [live, rebuilt] = &state.checksums;
    if live != rebuilt {
        violations.push(format!("a rebuild comes to something else: {live:?} {rebuilt:?}"));
    }
    if state.dead_letters > 0 {
        violations.push(format!("{} records are no events", state.dead_letters));
    }
}
