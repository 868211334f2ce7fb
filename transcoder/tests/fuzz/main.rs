//! Damaged and hostile files through the whole worker: queue, child, sandbox, storage, log.
//!
//! Case `n` of a seed is the same file each time: `FUZZ_SEED=7 FUZZ_CASE=123` runs that one
//! alone. `FUZZ_FILES` says how many there are; without it, a run ends after a moment.
//!
//! What must hold for every file: its video comes to exactly one end; the worker neither hangs nor
//! dies; nothing outside of the job's folder is touched, and no connection opened. A child that dies
//! is no failure of the worker, but is counted and named, so that it can be looked at.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test, but without the harness")]

mod canary;
mod corpus;
mod dice;
mod mutation;
mod tally;

#[path = "../worker/log.rs"]
mod log;
#[path = "../worker/storage.rs"]
mod storage;
#[path = "../worker/trap.rs"]
#[expect(dead_code, reason = "the worker's tests use more of it")]
mod trap;
#[path = "../worker/world.rs"]
#[expect(dead_code, unused_imports, reason = "the worker's tests use more of it")]
mod world;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use domain::VideoStatus;
use transcoder::child::ChildCommand;
use transcoder::pipeline::Product;
use transcoder::transcode_one::Task;
use transcoder::worker::Outcome;

use canary::Canary;
use corpus::Corpus;
use tally::Tally;
use world::World;

/// A child gets so long; a worker that has not finished a video long after that hangs.
const CHILD_LIMIT: Duration = Duration::from_secs(20);
const HUNG: Duration = Duration::from_secs(100);
/// At the same time.
const WORKERS: usize = 2;
/// So long is a run that is told nothing, as in `make test`.
const MOMENT: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("transcode-one") {
        transcoder::transcode_one::run(Task::ProcessConfined(Product::FileAndStream)).unwrap();
        return ExitCode::SUCCESS;
    }
    let cases = match (number("FUZZ_CASE"), number("FUZZ_FILES")) {
        (Some(case), _) => Cases { from: case, until: case + 1, time: Duration::MAX },
        (None, Some(files)) => Cases { from: 0, until: files, time: Duration::MAX },
        (None, None) => Cases { from: 0, until: u64::MAX, time: MOMENT },
    };
    let seed = number("FUZZ_SEED").unwrap_or(1);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let tally = runtime.block_on(run(seed, cases));
    println!("fuzz: seed {seed}, {tally}");
    if tally.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Which files there are, and for how long new ones are begun.
#[derive(Clone, Copy)]
struct Cases {
    from: u64,
    until: u64,
    time: Duration,
}

async fn run(seed: u64, cases: Cases) -> Tally {
    let corpus = Arc::new(Corpus::new());
    let next = Arc::new(AtomicU64::new(cases.from));
    let begun = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..WORKERS {
        let (corpus, next) = (Arc::clone(&corpus), Arc::clone(&next));
        workers.spawn(async move {
            let mut tally = Tally::default();
            let (mut world, canary) = (World::new().await, Canary::new());
            world.child_is(this_program());
            while begun.elapsed() < cases.time {
                let case = next.fetch_add(1, Relaxed);
                if case >= cases.until {
                    break;
                }
                let (kind, bytes) = mutation::file(&corpus, &canary, seed, case);
                let verdict = one(&world, &canary, bytes).await;
                tally.add(case, kind, verdict);
            }
            tally
        });
    }
    let mut tally = Tally::default();
    while let Some(more) = workers.join_next().await {
        tally.merge(more.unwrap());
    }
    tally
}

/// What became of one file.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It came to its one end, through these steps.
    Ended(Vec<Outcome>),
    /// It did not.
    Wrong(String),
}

async fn one(world: &World, canary: &Canary, bytes: Vec<u8>) -> Verdict {
    let video = world.upload_of(bytes).await;
    let mut steps = Vec::new();
    while !steps.last().is_some_and(|step| matches!(step, Outcome::Processed | Outcome::Failed(_)))
    {
        match tokio::time::timeout(HUNG, world.try_step()).await {
            Err(_) => return Verdict::Wrong("the worker hangs".to_owned()),
            Ok(Err(error)) => return Verdict::Wrong(format!("the worker broke: {error}")),
            Ok(Ok(Outcome::Retry(reason))) => steps.push(Outcome::Retry(reason)),
            Ok(Ok(step @ (Outcome::Processed | Outcome::Failed(_)))) => steps.push(step),
            Ok(Ok(step)) => return Verdict::Wrong(format!("after {steps:?}: {step:?}")),
        }
    }
    let ended =
        matches!(world.log.status(video), VideoStatus::Processed(_) | VideoStatus::Failed(_));
    if world.log.ends(video) != 1 || !ended {
        return Verdict::Wrong(format!("history {:?}", world.log.history(video)));
    }
    if let Some(trace) = canary.trace().or_else(|| world.scraps()) {
        return Verdict::Wrong(format!("escaped: {trace}"));
    }
    Verdict::Ended(steps)
}

fn this_program() -> ChildCommand {
    ChildCommand {
        program: std::env::current_exe().unwrap(),
        arguments: vec!["transcode-one".into()],
        time_limit: CHILD_LIMIT,
    }
}
