//! Damaged and hostile files through the whole worker: queue, child, sandbox, storage, log.
//!
//! Case `n` of a seed is the same file in every run. `FUZZ_SEED=7 FUZZ_CASE=123` runs one case,
//! `FUZZ_FILES` sets the number of cases. Without them a run lasts 20 s.
//!
//! For every file:
//! - its video has exactly one end,
//! - the worker neither hangs nor dies,
//! - the child touches no file outside of its folder and opens no connection.
//!
//! A child that dies does not fail the run; its case is counted and printed.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test, but without the harness")]

mod canary;
mod corpus;
mod mutation;
mod random;
mod summary;

#[path = "../worker/database.rs"]
#[expect(dead_code, reason = "the worker's tests use more of it")]
mod database;
#[path = "../worker/fail_point.rs"]
#[expect(dead_code, reason = "the worker's tests use more of it")]
mod fail_point;
#[path = "../worker/fixture.rs"]
#[expect(dead_code, unused_imports, reason = "the worker's tests use more of it")]
mod fixture;
#[path = "../worker/flaky_storage.rs"]
mod flaky_storage;
#[path = "../worker/folding_log.rs"]
mod folding_log;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use domain::VideoState;
use transcoder::child::ChildCommand;
use transcoder::child_main::ChildTask;
use transcoder::pipeline::Outputs;
use transcoder::worker::StepOutcome;

use canary::Canary;
use corpus::Corpus;
use fixture::WorkerFixture;
use summary::FuzzSummary;

const CHILD_TIME_LIMIT: Duration = Duration::from_secs(20);
/// A step that takes longer counts as hung.
const STEP_TIMEOUT: Duration = Duration::from_secs(100);
/// Workers that run at the same time.
const WORKERS: usize = 2;
/// The length of a run without `FUZZ_CASE` and `FUZZ_FILES`, as in `make test`.
const DEFAULT_RUN_TIME: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("transcode-one") {
        transcoder::child_main::run(ChildTask::ProcessConfined(Outputs::FileAndStream)).unwrap();
        return ExitCode::SUCCESS;
    }
    let cases = match (number("FUZZ_CASE"), number("FUZZ_FILES")) {
        (Some(case), _) => Cases { from: case, until: case + 1, time: Duration::MAX },
        (None, Some(files)) => Cases { from: 0, until: files, time: Duration::MAX },
        (None, None) => Cases { from: 0, until: u64::MAX, time: DEFAULT_RUN_TIME },
    };
    let seed = number("FUZZ_SEED").unwrap_or(1);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let summary = runtime.block_on(run(seed, cases));
    println!("fuzz: seed {seed}, {summary}");
    if summary.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// The range of cases, and the time after which no further case starts.
#[derive(Clone, Copy)]
struct Cases {
    from: u64,
    until: u64,
    time: Duration,
}

async fn run(seed: u64, cases: Cases) -> FuzzSummary {
    let corpus = Arc::new(Corpus::new());
    let next = Arc::new(AtomicU64::new(cases.from));
    let begun = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..WORKERS {
        let (corpus, next) = (Arc::clone(&corpus), Arc::clone(&next));
        workers.spawn(async move {
            let mut summary = FuzzSummary::default();
            let (mut fixture, canary) = (WorkerFixture::new().await, Canary::new());
            fixture.child_is(this_program());
            while begun.elapsed() < cases.time {
                let case = next.fetch_add(1, Relaxed);
                if case >= cases.until {
                    break;
                }
                let (kind, bytes) = mutation::file(&corpus, &canary, seed, case);
                let result = one(&fixture, &canary, bytes).await;
                summary.add(case, kind, result);
            }
            summary
        });
    }
    let mut summary = FuzzSummary::default();
    while let Some(more) = workers.join_next().await {
        summary.merge(more.unwrap());
    }
    summary
}

/// The result of one case.
#[derive(Debug)]
pub(crate) enum CaseResult {
    /// The video has one end, after these steps.
    Ended(Vec<StepOutcome>),
    /// A rule was broken.
    Wrong(String),
}

async fn one(fixture: &WorkerFixture, canary: &Canary, bytes: Vec<u8>) -> CaseResult {
    let video = fixture.upload_of(bytes).await;
    let mut steps = Vec::new();
    while !steps
        .last()
        .is_some_and(|step| matches!(step, StepOutcome::Processed | StepOutcome::Failed(_)))
    {
        match tokio::time::timeout(STEP_TIMEOUT, fixture.try_step()).await {
            Err(_) => return CaseResult::Wrong("the worker hangs".to_owned()),
            Ok(Err(error)) => return CaseResult::Wrong(format!("the worker broke: {error}")),
            Ok(Ok(StepOutcome::Retry(reason))) => steps.push(StepOutcome::Retry(reason)),
            Ok(Ok(step @ (StepOutcome::Processed | StepOutcome::Failed(_)))) => steps.push(step),
            Ok(Ok(step)) => return CaseResult::Wrong(format!("after {steps:?}: {step:?}")),
        }
    }
    let ended =
        matches!(fixture.log.status(video), VideoState::Processed(_) | VideoState::Failed(_));
    if fixture.log.ends(video) != 1 || !ended {
        return CaseResult::Wrong(format!("history {:?}", fixture.log.history(video)));
    }
    if let Some(trace) = canary.trace().or_else(|| fixture.scraps()) {
        return CaseResult::Wrong(format!("escaped: {trace}"));
    }
    CaseResult::Ended(steps)
}

fn this_program() -> ChildCommand {
    ChildCommand {
        program: std::env::current_exe().unwrap(),
        arguments: vec!["transcode-one".into()],
        time_limit: CHILD_TIME_LIMIT,
    }
}
