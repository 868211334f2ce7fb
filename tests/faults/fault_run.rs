//! One run: clients and a nemesis on a system; then, without faults, the check of the final state.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::anb;
use super::checker::check;
use super::client::{self, ClientContext};
use super::clip;
use super::final_state::{Board, FinalState, StateReader};
use super::history::{Effect, Entry, History, Operation, Reply};
use super::http_caller::{HttpCaller, RequestCounts};
use super::nemesis::Nemesis;
use super::report::RunReport;
use super::system::SystemUnderTest;

const CLIENTS: u64 = 64;
/// Bounds the time from a fault to the next success of any client.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(60);
/// Bounds the time after the last fault until every event is folded and every video processed.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(240);
/// Bounds the time until every API shows what is folded, also right after its start.
const VISIBILITY_TIMEOUT: Duration = Duration::from_secs(15);
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Injects every fault once per round. Panics if a rule is violated.
pub(crate) async fn run(seed: u64, rounds: u64) {
    println!("seed {seed}, {rounds} rounds of every fault (SEED=… and ROUNDS=… for others)");
    let mut system = SystemUnderTest::start().await;
    let context = Arc::new(ClientContext {
        caller: HttpCaller::new(system.apis()),
        counts: RequestCounts::default(),
        history: History::default(),
        published: tokio::sync::watch::Sender::default(),
        clip: clip::tiny(),
        done: false.into(),
    });
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(client::run_client(Arc::clone(&context), number, seed));
    }
    clients.spawn(client::watch_videos(Arc::clone(&context), seed));

    let began = Instant::now();
    let mut nemesis = Nemesis::new(seed);
    time_to_recover(&context).await;
    let mut slowest_recovery = Duration::ZERO;
    for _ in 0..rounds {
        for step in nemesis.round() {
            nemesis.inject(&system, &step).await;
            slowest_recovery = slowest_recovery.max(time_to_recover(&context).await);
            tokio::time::sleep(step.pause).await;
        }
    }
    let duration = began.elapsed();
    context.done.store(true, Ordering::Relaxed);
    clients.join_all().await;

    let starts = system.processes.iter().map(|process| process.starts()).sum();
    let mut history = context.history.entries();
    let state = collect_final_state(&mut system, &context, &mut history).await;
    let violations = check(&history, &state);
    RunReport {
        seed,
        duration,
        slowest_recovery,
        starts,
        nemesis: &nemesis,
        counts: &context.counts,
        history: &history,
        state: &state,
    }
    .print();
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

/// The time until the next success of any client.
async fn time_to_recover(context: &ClientContext) -> Duration {
    let before = context.counts.acknowledged.load(Ordering::Relaxed);
    let started = Instant::now();
    while context.counts.acknowledged.load(Ordering::Relaxed) == before {
        assert!(started.elapsed() < RECOVERY_TIMEOUT, "no client has succeeded since the fault");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    started.elapsed()
}

/// Waits until the system has settled, and reads its final state.
async fn collect_final_state(
    system: &mut SystemUnderTest,
    context: &ClientContext,
    history: &mut [Entry],
) -> FinalState {
    let reader = StateReader::open(system).await;
    wait_until_settled(&reader).await;
    resolve_pending(context, history).await;
    let boards = newest_boards(context, &reader.expected_board().await).await;
    let mut alarms: Vec<String> =
        system.processes.iter().flat_map(|process| process.alarms()).collect();
    for process in std::mem::take(&mut system.processes) {
        alarms.extend(process.shut_down().await);
    }
    let mut state = reader.final_state().await;
    let checksums = |command| anb::checksums_of(system.anb(&[command], "checker"));
    state.checksums = [checksums("checksums").await, checksums("rebuild").await];
    (state.boards, state.alarms) = (boards, alarms);
    state
}

/// Waits until every event is folded and no video waits for processing.
async fn wait_until_settled(reader: &StateReader) {
    use infra::event_log::EventLog;
    let started = Instant::now();
    loop {
        // A retry may be scheduled later than the end of this run.
        sqlx::query("update transcode_leases set not_before = null where not_before > now()")
            .execute(&reader.pool)
            .await
            .unwrap();
        let waiting: i64 = sqlx::query_scalar("select count(*) from transcode_jobs")
            .fetch_one(&reader.pool)
            .await
            .unwrap();
        let folded: Option<i64> =
            sqlx::query_scalar("select sum(next_offset)::bigint from checkpoints")
                .fetch_one(&reader.pool)
                .await
                .unwrap();
        let written: u64 = reader.log.end_offsets().await.unwrap().iter().sum();
        if waiting == 0 && folded == i64::try_from(written).ok() {
            return;
        }
        assert!(
            started.elapsed() < SETTLE_TIMEOUT,
            "{waiting} videos still wait, {folded:?} of {written} events are folded"
        );
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Asks for the verdict of every command token.
async fn resolve_pending(context: &ClientContext, history: &mut [Entry]) {
    for Entry { operation, reply } in history {
        let Reply::Pending(token) = &*reply else { continue };
        let path = format!("/api/commands/{token}");
        let call_once = |http: &reqwest::Client, api: &str| http.get(format!("{api}{path}"));
        let started = Instant::now();
        while started.elapsed() < RECOVERY_TIMEOUT {
            let response = context.caller.call_once(0, &RequestCounts::default(), &call_once).await;
            let response = response.filter(|response| response.status == 200);
            let body = response.map(|response| response.body).unwrap_or_default();
            match body["status"].as_str() {
                Some("accepted") => {
                    *reply = Reply::Accepted(effect(operation, body["total_votes"].as_u64()))
                }
                Some("rejected") => {
                    *reply = Reply::Rejected(body["code"].as_str().unwrap_or("?").to_owned());
                }
                _ => {
                    tokio::time::sleep(POLL_INTERVAL).await;
                    continue;
                }
            }
            break;
        }
    }
}

fn effect(operation: &Operation, votes: Option<u64>) -> Effect {
    match (operation, votes) {
        (Operation::Vote { .. }, Some(votes)) => Effect::Votes(votes),
        _ => Effect::Done,
    }
}

/// The ranking of each API, once it matches the recount. An API may be starting and its pages may lag
/// behind, so a ranking that never matches is returned after a timeout.
async fn newest_boards(context: &ClientContext, counted: &Board) -> Vec<Board> {
    let mut boards = Vec::new();
    for api in 0..context.caller.apis() {
        let started = Instant::now();
        let mut shown = board(context, api).await;
        while shown.as_ref() != Some(counted) && started.elapsed() < VISIBILITY_TIMEOUT {
            tokio::time::sleep(POLL_INTERVAL).await;
            shown = board(context, api).await;
        }
        boards.push(shown.unwrap_or_default());
    }
    boards
}

/// The whole ranking of one API.
async fn board(context: &ClientContext, api: usize) -> Option<Board> {
    let mut board = Board::new();
    for page in 1.. {
        let path = format!("/api/public/rankings?page_size=100&page={page}");
        let call_once = |http: &reqwest::Client, api: &str| http.get(format!("{api}{path}"));
        let response = context.caller.call_once(api, &RequestCounts::default(), &call_once).await?;
        let rows = response.body["rankings"].as_array()?.clone();
        if rows.is_empty() {
            break;
        }
        board.extend(rows.iter().map(|row| {
            (row["artist_id"].as_str().unwrap().parse().unwrap(), row["votes"].as_u64().unwrap())
        }));
    }
    Some(board)
}
