//! Pages at a million artists: the first page, deep pages, and the time from the start to ready.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use http::StatusCode;
use test_contests::Size;
use test_services::OwnPostgres;

use crate::ballots::Ballots;
use crate::client::{self, Connection};
use crate::deployment::{Deployment, Log, Storage};
use crate::fill;
use crate::pages::{self, RANKING, ROUNDS, WRK};
use crate::process::Process;
use crate::report::{Figure, Floor, Report};
use crate::statistics::percentile;
use crate::wrk::Target;

const SIZE: Size = Size { artists: 1_000_000, fans: 10_000, votes: 200_000 };
/// Voters during the reads, and the videos that they vote for.
const VOTERS: usize = 5_000;
const VIDEOS: usize = 1_000;
const DEEP_OFFSET: u64 = 950_000;
const ROWS: u64 = 20;
/// Distinct pages per sample, requested one after the other.
const PAGES: u64 = 400;
const SAMPLES: u64 = 5;
const MIN_BASELINE_RATIO: f64 = 0.95;
const MAX_DEEP_RATIO: f64 = 1.25;
const MIN_UNCACHED_RATIO: f64 = 0.3;
const MAX_START_SECONDS: f64 = 3.0;

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    report.section(
        "Pages at a million artists. Theirs: nginx; a bare handler; or as said",
        &format!(
            "wrk, {} connections; {ROUNDS} interleaved rounds of {} s each, medians; single pages \
             over one connection, each requested once",
            WRK.connections,
            WRK.measured.as_secs()
        ),
    )?;
    let deployment = Deployment::new(postgres, Log::Postgres, Storage::Folder).await?;
    report.figure(&Figure::alone(
        "filling the log, events",
        "per s",
        fill::fill(&deployment, SIZE).await?,
    ))?;
    report.figure(&Figure::alone(
        "first fold, records",
        "per s",
        fill::fold(&deployment).await?,
    ))?;
    let contest = fill::newcomers(&deployment, VOTERS, VIDEOS).await?;
    let started = Instant::now();
    let anb = deployment.serve().await?;
    let seconds = Figure::alone("from the start to ready", "s", started.elapsed().as_secs_f64());
    report.figure(&seconds.with_floor(Floor::AtMost(MAX_START_SECONDS)))?;
    deployment.ranking_shows(&anb, SIZE.artists).await?;

    let floors = (MIN_BASELINE_RATIO, Some(MIN_BASELINE_RATIO));
    pages::compare("ranking, page 1 of 20", RANKING, floors, &anb, &deployment, report).await?;
    deep(&anb, report).await?;
    uncached(&anb, deployment.folder(), report).await?;
    let ballots = Arc::new(Ballots::new(&contest.accounts, &contest.videos)?);
    pages::voting("ranking, page 1", &anb, &ballots, report).await
}

/// Delays of pages at a deep offset beside those at the top. No page is cached yet.
async fn deep(anb: &Process, report: &mut Report) -> Result<()> {
    let mut connection = Connection::open(anb.address).await?;
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for sample in 0..SAMPLES {
        let first = 1 + sample * PAGES;
        for (times, first) in [(&mut near, first), (&mut far, first + DEEP_OFFSET / ROWS)] {
            for page in first..first + PAGES {
                times.push(milliseconds(&mut connection, page).await?);
            }
        }
    }
    for (what, q) in [("page at offset 950,000, p50", 0.5), ("page at offset 950,000, p99", 0.99)] {
        let figure = Figure {
            theirs: Some(percentile(&near, q)),
            ..Figure::alone(what, "ms (theirs: page 1, uncached)", percentile(&far, q))
        };
        let floor = Floor::RatioAtMost(MAX_DEEP_RATIO);
        report.figure(&if q > 0.9 { figure.with_floor(floor) } else { figure })?;
    }
    Ok(())
}

async fn milliseconds(connection: &mut Connection, page: u64) -> Result<f64> {
    let path = format!("/api/public/rankings?page={page}&page_size={ROWS}");
    let started = Instant::now();
    connection.send(client::get(path.parse()?)).await?.expect(StatusCode::OK)?;
    Ok(started.elapsed().as_secs_f64() * 1e3)
}

/// Deep pages, each requested once, beside one cached page.
async fn uncached(anb: &Process, folder: &Path, report: &mut Report) -> Result<()> {
    let (mut ours, mut cached) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        cached.push(pages::round(anb, RANKING).await?);
        let script = script(folder, round)?;
        let each_once = Target { script: Some(&script), ..Target::page(RANKING) };
        ours.push(WRK.drive(anb.address, each_once).await.context("deep pages")?);
    }
    let what = "pages from 950,000 on, uncached (theirs: page 1, cached)";
    report.figure(&Figure::rate(what, &ours, &cached).with_floor(Floor::Ratio(MIN_UNCACHED_RATIO)))
}

/// A Lua script that requests about 20,000 distinct pages of 16 to 25 rows beyond the offset.
fn script(folder: &Path, round: usize) -> Result<PathBuf> {
    let file = folder.join("deep.lua");
    std::fs::write(
        &file,
        format!(
            "local n = {round} * 7000
             request = function()
               n = n + 1
               local size = 16 + n % 10
               local page = math.ceil({DEEP_OFFSET} / size) + math.floor(n / 10) % 1900
               return wrk.format('GET', '/api/public/rankings?page=' .. page .. '&page_size=' .. size)
             end"
        ),
    )?;
    Ok(file)
}
