//! A rebuild of every read model from a million votes on Kafka, beside `COPY` of the same rows into the
//! same tables with the same indexes.

mod copy;

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::FutureExt;
use projections::checksum::checksums;
use projections::rebuild::{self, RebuildOptions, Rebuilt};
use test_contests::Size;
use test_services::OwnPostgres;
use tokio::time::{sleep, timeout};

use crate::ballots::Ballots;
use crate::deployment::{Deployment, Log, Storage};
use crate::fill;
use crate::process::Process;
use crate::report::{Figure, Floor, Report};
use crate::resident::Sampler;
use crate::voters::Voters;

const LARGE: Size = Size { artists: 2_000, fans: 30_000, votes: 1_000_000 };
/// One record at a time would take too long at the full size.
const SMALL: Size = Size { artists: 100, fans: 200, votes: 5_000 };
const ROUNDS: usize = 3;
const REBUILD_TIMEOUT: Duration = Duration::from_secs(600);
const MIN_COPY_RATIO: f64 = 0.6;
const MIN_BATCH_RATIO: f64 = 50.0;
const MAX_PEAK_MIB: f64 = 300.0;
/// Votes during a rebuild.
const VOTES_PER_SECOND: f64 = 2_000.0;
const VOTERS: usize = 10_000;
const BEFORE: Duration = Duration::from_secs(5);
const MIN_RATIO_DURING_REBUILD: f64 = 0.9;

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    let Size { artists, fans, votes } = LARGE;
    report.section(
        "Rebuild of all read models from Kafka. Theirs: COPY of the same rows",
        &format!(
            "{artists} artists, {fans} fans, {votes} votes; {ROUNDS} interleaved rounds, medians; \
             no other load"
        ),
    )?;
    let deployment = Deployment::new(postgres, Log::Kafka, Storage::Folder).await?;
    let filling = fill::fill(&deployment, LARGE).await?;
    report.figure(&Figure::alone("filling the log, events", "per s", filling))?;
    let folding = fill::fold(&deployment).await?;
    report.figure(&Figure::alone("first fold, live, records", "per s", folding))?;

    let rows: u64 = checksums(&deployment.pool).await?.values().map(|sum| sum.rows).sum();
    let (mut folds, mut rates, mut wholes, mut copies) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        copies.push(rows as f64 / copy::all(&deployment.pool).await?.as_secs_f64());
        let (rebuilt, folding, whole) = timed(&deployment, RebuildOptions::default()).await?;
        folds.push(rows as f64 / folding.as_secs_f64());
        wholes.push(rows as f64 / whole.as_secs_f64());
        rates.push(rebuilt.records as f64 / folding.as_secs_f64());
    }
    let folding = Figure::rate("rows, folding", &folds, &copies);
    report.figure(&folding.with_floor(Floor::Ratio(MIN_COPY_RATIO)))?;
    report.figure(&Figure::rate("rows, with comparison and switch", &wholes, &copies))?;

    let small = Deployment::new(postgres, Log::Kafka, Storage::Folder).await?;
    fill::fill(&small, SMALL).await?;
    fill::fold(&small).await?;
    let (rebuilt, folding, _) =
        timed(&small, RebuildOptions { max_batch: 1, ..RebuildOptions::default() }).await?;
    let one_by_one = [rebuilt.records as f64 / folding.as_secs_f64()];
    let batched = Figure::rate("records, in batches (theirs: one by one)", &rates, &one_by_one);
    report.figure(&batched.with_floor(Floor::Ratio(MIN_BATCH_RATIO)))?;

    let peak = Figure::alone("memory of `anb rebuild`, peak", "MiB", peak(&deployment).await?);
    report.figure(&peak.with_floor(Floor::AtMost(MAX_PEAK_MIB)))?;
    votes_during_rebuild(&deployment, report).await
}

/// Votes per second during a rebuild, beside votes just before.
async fn votes_during_rebuild(deployment: &Deployment, report: &mut Report) -> Result<()> {
    let contest = fill::newcomers(deployment, VOTERS, LARGE.artists).await?;
    let server = deployment.serve().await?;
    let ballots = Arc::new(Ballots::new(&contest.accounts, &contest.videos)?);
    let (mut during, mut before) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        before.push(votes(&server, &ballots, sleep(BEFORE).map(Ok)).await?);
        let rebuilding = rebuild::rebuild(
            &deployment.pool,
            Arc::clone(&deployment.log),
            RebuildOptions::default(),
        );
        let rebuilding = async {
            let rebuilt = timeout(REBUILD_TIMEOUT, rebuilding)
                .await
                .context("the rebuild does not end")??;
            ensure!(rebuilt.differences.is_empty(), "{:?}", rebuilt.differences);
            Ok(())
        };
        during.push(votes(&server, &ballots, rebuilding).await?);
    }
    let what = format!("votes during a rebuild, {VOTES_PER_SECOND} requested (theirs: before)");
    report.figure(
        &Figure::rate(&what, &during, &before).with_floor(Floor::Ratio(MIN_RATIO_DURING_REBUILD)),
    )
}

/// Accepted votes per second while `meanwhile` runs.
async fn votes(
    server: &Process,
    ballots: &Arc<Ballots>,
    meanwhile: impl Future<Output = Result<()>>,
) -> Result<f64> {
    let voters = Voters::begin(server, ballots, VOTES_PER_SECOND).await?;
    meanwhile.await?;
    voters.end().await
}

/// Rebuilds. Returns the time of the fold, and that of the fold, the comparison and the switch.
async fn timed(
    deployment: &Deployment,
    options: RebuildOptions,
) -> Result<(Rebuilt, Duration, Duration)> {
    let mut progress = options.progress.subscribe();
    let started = Instant::now();
    let watching = tokio::spawn(async move {
        let folded = progress.wait_for(|it| it.target > 0 && it.folded == it.target).await;
        folded.map(|_| started.elapsed())
    });
    let rebuilding = rebuild::rebuild(&deployment.pool, Arc::clone(&deployment.log), options);
    let rebuilt =
        timeout(REBUILD_TIMEOUT, rebuilding).await.context("the rebuild does not end")??;
    ensure!(rebuilt.differences.is_empty(), "{:?}", rebuilt.differences);
    Ok((rebuilt, watching.await??, started.elapsed()))
}

/// The peak of resident memory of `anb rebuild`, in MiB.
async fn peak(deployment: &Deployment) -> Result<f64> {
    let mut rebuild = deployment.command("anb", &["rebuild"])?;
    let mut child = rebuild.stdout(Stdio::null()).kill_on_drop(true).spawn()?;
    let sampler = Sampler::start(i32::try_from(child.id().context("no process")?)?, "VmHWM");
    let status = child.wait().await?;
    ensure!(status.success(), "the rebuild failed: {status}");
    Ok(sampler.peak())
}
