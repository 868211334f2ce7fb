//! A run: a stack, a crowd, a nemesis; then calm, and the reckoning.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::caller::{Caller, Tally};
use super::checker::check;
use super::client::{self, Crowd};
use super::clip;
use super::facts::{Board, Facts, World};
use super::history::{Act, Effect, Entry, History, Told};
use super::nemesis::Nemesis;
use super::report::Report;
use super::stack::Stack;

const CLIENTS: u64 = 64;
/// After a fault somebody must succeed within this time, without help.
const RECOVERY: Duration = Duration::from_secs(60);
/// Once all is calm, everything that was begun comes to its end within this time.
const AFTERMATH: Duration = Duration::from_secs(240);
/// Once it is folded, everything shows within this time, also on an API that was just started.
const VISIBLE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(200);

/// So many rounds of every fault. Panics unless everything holds.
pub(crate) async fn run(seed: u64, rounds: u64) {
    println!("seed {seed}, {rounds} rounds of every fault (SEED=… and ROUNDS=… for others)");
    let mut stack = Stack::start().await;
    let crowd = Arc::new(Crowd {
        caller: Caller::new(stack.apis()),
        tally: Tally::default(),
        history: History::default(),
        published: tokio::sync::watch::Sender::default(),
        clip: clip::tiny(),
        done: false.into(),
    });
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(client::live(Arc::clone(&crowd), number, seed));
    }
    clients.spawn(client::watch_videos(Arc::clone(&crowd), seed));

    let began = Instant::now();
    let mut nemesis = Nemesis::new(seed);
    recovered(&crowd).await;
    let mut slowest = Duration::ZERO;
    for _ in 0..rounds {
        for strike in nemesis.round() {
            nemesis.strike(&stack, &strike).await;
            slowest = slowest.max(recovered(&crowd).await);
            tokio::time::sleep(strike.pause).await;
        }
    }
    let lasted = began.elapsed();
    crowd.done.store(true, Ordering::Relaxed);
    clients.join_all().await;

    let starts = stack.processes.iter().map(|process| process.starts()).sum();
    let mut history = crowd.history.entries();
    let facts = reckon(&mut stack, &crowd, &mut history).await;
    let wrong = check(&history, &facts);
    Report {
        seed,
        lasted,
        slowest,
        starts,
        nemesis: &nemesis,
        tally: &crowd.tally,
        history: &history,
        facts: &facts,
    }
    .print();
    assert!(wrong.is_empty(), "{} things do not hold:\n{}", wrong.len(), wrong.join("\n"));
}

/// How long it takes until somebody succeeds.
async fn recovered(crowd: &Crowd) -> Duration {
    let before = crowd.tally.acknowledged.load(Ordering::Relaxed);
    let started = Instant::now();
    while crowd.tally.acknowledged.load(Ordering::Relaxed) == before {
        assert!(started.elapsed() < RECOVERY, "nothing works any more");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    started.elapsed()
}

/// Waits until everything has come to its end, and finds out what is true.
async fn reckon(stack: &mut Stack, crowd: &Crowd, history: &mut [Entry]) -> Facts {
    let world = World::open(stack).await;
    settle(&world).await;
    resolve(crowd, history).await;
    let boards = newest_boards(crowd, &world.counted_board().await).await;
    let mut alarms: Vec<String> =
        stack.processes.iter().flat_map(|process| process.alarms()).collect();
    for process in std::mem::take(&mut stack.processes) {
        alarms.extend(process.end().await);
    }
    let mut facts = world.facts().await;
    facts.checksums = [read_models(stack, "checksums").await, read_models(stack, "rebuild").await];
    (facts.boards, facts.alarms) = (boards, alarms);
    facts
}

/// Until the projection is complete and no video waits any more.
async fn settle(world: &World) {
    use infra::event_log::EventLog;
    let started = Instant::now();
    loop {
        // Nobody may wait longer for another attempt than a run lasts.
        sqlx::query("update transcode_leases set not_before = null where not_before > now()")
            .execute(&world.pool)
            .await
            .unwrap();
        let waiting: i64 = sqlx::query_scalar("select count(*) from transcode_jobs")
            .fetch_one(&world.pool)
            .await
            .unwrap();
        let folded: Option<i64> =
            sqlx::query_scalar("select sum(next_offset)::bigint from checkpoints")
                .fetch_one(&world.pool)
                .await
                .unwrap();
        let written: u64 = world.log.end_offsets().await.unwrap().iter().sum();
        if waiting == 0 && folded == i64::try_from(written).ok() {
            return;
        }
        assert!(
            started.elapsed() < AFTERMATH,
            "{waiting} videos still wait, {folded:?} of {written} events are folded"
        );
        tokio::time::sleep(POLL).await;
    }
}

/// Asks every token what became of its command.
async fn resolve(crowd: &Crowd, history: &mut [Entry]) {
    for Entry { act, told } in history {
        let Told::Pending(token) = &*told else { continue };
        let path = format!("/api/commands/{token}");
        let ask = |http: &reqwest::Client, api: &str| http.get(format!("{api}{path}"));
        let started = Instant::now();
        while started.elapsed() < RECOVERY {
            let answer = crowd.caller.ask(0, &Tally::default(), &ask).await;
            let answer = answer.filter(|answer| answer.status == 200);
            let body = answer.map(|answer| answer.body).unwrap_or_default();
            match body["status"].as_str() {
                Some("accepted") => {
                    *told = Told::Accepted(effect(act, body["total_votes"].as_u64()))
                }
                Some("rejected") => {
                    *told = Told::Rejected(body["code"].as_str().unwrap_or("?").to_owned());
                }
                _ => {
                    tokio::time::sleep(POLL).await;
                    continue;
                }
            }
            break;
        }
    }
}

fn effect(act: &Act, votes: Option<u64>) -> Effect {
    match (act, votes) {
        (Act::Vote { .. }, Some(votes)) => Effect::Votes(votes),
        _ => Effect::Done,
    }
}

/// The rankings that the APIs show, once they show all that is counted: one may be starting, and a
/// page may be behind for a moment. If that does not come, as they are in the end.
async fn newest_boards(crowd: &Crowd, counted: &Board) -> Vec<Board> {
    let mut boards = Vec::new();
    for api in 0..crowd.caller.apis() {
        let started = Instant::now();
        let mut shown = board(crowd, api).await;
        while shown.as_ref() != Some(counted) && started.elapsed() < VISIBLE {
            tokio::time::sleep(POLL).await;
            shown = board(crowd, api).await;
        }
        boards.push(shown.unwrap_or_default());
    }
    boards
}

/// The whole ranking as an API shows it.
async fn board(crowd: &Crowd, api: usize) -> Option<Board> {
    let mut board = Board::new();
    for page in 1.. {
        let path = format!("/api/public/rankings?page_size=100&page={page}");
        let ask = |http: &reqwest::Client, api: &str| http.get(format!("{api}{path}"));
        let answer = crowd.caller.ask(api, &Tally::default(), &ask).await?;
        let rows = answer.body["rankings"].as_array()?.clone();
        if rows.is_empty() {
            break;
        }
        board.extend(rows.iter().map(|row| {
            (row["artist_id"].as_str().unwrap().parse().unwrap(), row["votes"].as_u64().unwrap())
        }));
    }
    Some(board)
}

/// `anb checksums` or `anb rebuild`: a line for each read model.
async fn read_models(stack: &Stack, command: &str) -> Vec<String> {
    let output = stack.anb(&[command], "checker").output().await.unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.lines().filter(|line| line.contains(" rows  ")).map(str::to_owned).collect()
}
