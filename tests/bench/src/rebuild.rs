//! Rebuilding every read model of a contest with a million votes, from Kafka, beside `COPY` of the
//! same rows into the same tables with the same indexes.

mod copy;

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures_util::FutureExt;
use projections::checksum::checksums;
use projections::rebuild::{self, RebuildOptions, Rebuilt};
use test_services::OwnPostgres;
use tokio::time::{interval, sleep, timeout};

use crate::ballots::Ballots;
use crate::direct::{self, Size};
use crate::memory::resident;
use crate::process::Process;
use crate::report::{Figure, Floor, Report};
use crate::voters::Voters;
use crate::world::{Log, Storage, World};

const LARGE: Size = Size { artists: 2_000, fans: 30_000, votes: 1_000_000 };
/// One record at a time takes too long for all of that.
const SMALL: Size = Size { artists: 100, fans: 200, votes: 5_000 };
const ROUNDS: usize = 3;
const SAMPLE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(600);
const OF_COPY: f64 = 0.6;
const OF_ONE_BY_ONE: f64 = 50.0;
const PEAK_MIB: f64 = 300.0;
/// Votes per second that are asked for during a rebuild, and of how many people.
const VOTES: f64 = 2_000.0;
const VOTERS: usize = 10_000;
const BEFORE: Duration = Duration::from_secs(5);
const OF_BEFORE: f64 = 0.9;

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    let Size { artists, fans, votes } = LARGE;
    report.section(
        "Rebuild of all read models from Kafka. Theirs: COPY of the same rows",
        &format!(
            "{artists} artists, {fans} fans, {votes} votes; {ROUNDS} interleaved rounds, medians; \
             nobody votes or reads meanwhile"
        ),
    )?;
    let world = World::new(postgres, Log::Kafka, Storage::Folder).await?;
    let filling = direct::fill(&world, LARGE).await?;
    report.figure(&Figure::alone("demo --direct, events", "per s", filling))?;
    let folding = direct::fold(&world).await?;
    report.figure(&Figure::alone("first fold, live, records", "per s", folding))?;

    let rows: u64 = checksums(&world.pool).await?.values().map(|sum| sum.rows).sum();
    let (mut folds, mut rates, mut wholes, mut copies) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        copies.push(rows as f64 / copy::all(&world.pool).await?.as_secs_f64());
        let (rebuilt, folding, whole) = timed(&world, RebuildOptions::default()).await?;
        folds.push(rows as f64 / folding.as_secs_f64());
        wholes.push(rows as f64 / whole.as_secs_f64());
        rates.push(rebuilt.records as f64 / folding.as_secs_f64());
    }
    let folding = Figure::rate("rows, folding", &folds, &copies);
    report.figure(&folding.with_floor(Floor::Ratio(OF_COPY)))?;
    report.figure(&Figure::rate("rows, with comparison and switch", &wholes, &copies))?;

    let small = World::new(postgres, Log::Kafka, Storage::Folder).await?;
    direct::fill(&small, SMALL).await?;
    direct::fold(&small).await?;
    let (rebuilt, folding, _) =
        timed(&small, RebuildOptions { max_batch: 1, ..RebuildOptions::default() }).await?;
    let one_by_one = [rebuilt.records as f64 / folding.as_secs_f64()];
    let batched = Figure::rate("records, in batches (theirs: one by one)", &rates, &one_by_one);
    report.figure(&batched.with_floor(Floor::Ratio(OF_ONE_BY_ONE)))?;

    let peak = Figure::alone("memory of `anb rebuild`, peak", "MiB", peak(&world).await?);
    report.figure(&peak.with_floor(Floor::AtMost(PEAK_MIB)))?;
    meanwhile(&world, report).await
}

/// Votes per second while everything is rebuilt, beside votes just before.
async fn meanwhile(world: &World, report: &mut Report) -> Result<()> {
    let contest = direct::newcomers(world, VOTERS, LARGE.artists as usize).await?;
    let server = world.serve().await?;
    let ballots = Arc::new(Ballots::new(&contest.people, &contest.videos)?);
    let (mut during, mut before) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        before.push(votes(&server, &ballots, sleep(BEFORE).map(Ok)).await?);
        let rebuilding =
            rebuild::rebuild(&world.pool, Arc::clone(&world.log), RebuildOptions::default());
        let rebuilding = async {
            let rebuilt = timeout(PATIENCE, rebuilding).await.context("it does not end")??;
            ensure!(rebuilt.differences.is_empty(), "{:?}", rebuilt.differences);
            Ok(())
        };
        during.push(votes(&server, &ballots, rebuilding).await?);
    }
    let what = format!("votes during a rebuild, {VOTES} asked for (theirs: before)");
    report.figure(&Figure::rate(&what, &during, &before).with_floor(Floor::Ratio(OF_BEFORE)))
}

/// Votes per second that are accepted while something happens.
async fn votes(
    server: &Process,
    ballots: &Arc<Ballots>,
    meanwhile: impl Future<Output = Result<()>>,
) -> Result<f64> {
    let voters = Voters::begin(server, ballots, VOTES).await?;
    meanwhile.await?;
    voters.end().await
}

/// Rebuilds, and says how long it folded, and how long it took with everything else.
async fn timed(world: &World, options: RebuildOptions) -> Result<(Rebuilt, Duration, Duration)> {
    let mut progress = options.progress.subscribe();
    let started = Instant::now();
    let watching = tokio::spawn(async move {
        let folded = progress.wait_for(|it| it.target > 0 && it.folded == it.target).await;
        folded.map(|_| started.elapsed())
    });
    let rebuilding = rebuild::rebuild(&world.pool, Arc::clone(&world.log), options);
    let rebuilt = timeout(PATIENCE, rebuilding).await.context("it does not end")??;
    ensure!(rebuilt.differences.is_empty(), "{:?}", rebuilt.differences);
    Ok((rebuilt, watching.await??, started.elapsed()))
}

/// The most memory that the process which rebuilds ever has.
async fn peak(world: &World) -> Result<f64> {
    let mut child = world.anb(&["rebuild"])?.stdout(Stdio::null()).kill_on_drop(true).spawn()?;
    let pid = i32::try_from(child.id().context("it has ended")?)?;
    let (mut peak, mut sample) = (0.0_f64, interval(SAMPLE));
    loop {
        tokio::select! {
            status = child.wait() => {
                let status = status?;
                if !status.success() {
                    bail!("the rebuild failed: {status}");
                }
                return Ok(peak);
            }
            _ = sample.tick() => peak = peak.max(resident(pid, "VmHWM").unwrap_or(peak)),
        }
    }
}
