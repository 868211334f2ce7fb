//! Pages at a million artists: the first one, deep ones, and how soon they can be read after a start.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use http::StatusCode;
use test_services::OwnPostgres;

use crate::ballots::Ballots;
use crate::client::{self, Connection};
use crate::direct::{self, Size};
use crate::pages::{self, RANKING, ROUNDS, WRK};
use crate::process::Process;
use crate::report::{Figure, Floor, Report};
use crate::statistics::percentile;
use crate::world::{Log, Storage, World};
use crate::wrk::Target;

const SIZE: Size = Size { artists: 1_000_000, fans: 10_000, votes: 200_000 };
/// Who votes while pages are read, and for how many videos.
const VOTERS: usize = 5_000;
const VIDEOS: usize = 1_000;
const DEEP: u64 = 950_000;
const ROWS: u64 = 20;
/// Pages that are asked for one after the other, each once.
const PAGES: u64 = 400;
const SAMPLES: u64 = 5;
const OF_THE_BEST: f64 = 0.95;
const OF_FIRST: f64 = 1.25;
const OF_KEPT: f64 = 0.3;
const SECONDS: f64 = 3.0;

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    report.section(
        "Pages at a million artists. Theirs: nginx; a bare handler; or as said",
        &format!(
            "wrk, {} connections; {ROUNDS} interleaved rounds of {} s each, medians; single pages \
             over one connection, each asked for once",
            WRK.connections,
            WRK.measured.as_secs()
        ),
    )?;
    let world = World::new(postgres, Log::Postgres, Storage::Folder).await?;
    report.figure(&Figure::alone(
        "demo --direct, events",
        "per s",
        direct::fill(&world, SIZE).await?,
    ))?;
    report.figure(&Figure::alone("first fold, records", "per s", direct::fold(&world).await?))?;
    let contest = direct::newcomers(&world, VOTERS, VIDEOS).await?;
    let started = Instant::now();
    let anb = world.serve().await?;
    let seconds = Figure::alone("from the start to ready", "s", started.elapsed().as_secs_f64());
    report.figure(&seconds.with_floor(Floor::AtMost(SECONDS)))?;
    world.ranking_shows(&anb, SIZE.artists as usize).await?;

    let floors = (OF_THE_BEST, Some(OF_THE_BEST));
    pages::compare("ranking, page 1 of 20", RANKING, floors, &anb, &world, report).await?;
    deep(&anb, report).await?;
    uncached(&anb, world.folder(), report).await?;
    let ballots = Arc::new(Ballots::new(&contest.people, &contest.videos)?);
    pages::voting("ranking, page 1", &anb, &ballots, report).await
}

/// The slowest pages at a great depth beside the slowest at the top. None is kept yet.
async fn deep(anb: &Process, report: &mut Report) -> Result<()> {
    let mut connection = Connection::open(anb.address).await?;
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for sample in 0..SAMPLES {
        let first = 1 + sample * PAGES;
        for (times, first) in [(&mut near, first), (&mut far, first + DEEP / ROWS)] {
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
        let floor = Floor::RatioAtMost(OF_FIRST);
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

/// Deep pages, each asked for once, beside one that is kept.
async fn uncached(anb: &Process, folder: &Path, report: &mut Report) -> Result<()> {
    let (mut ours, mut kept) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        kept.push(pages::round(anb, RANKING).await?);
        let script = script(folder, round)?;
        let each_once = Target { script: Some(&script), ..Target::page(RANKING) };
        ours.push(WRK.drive(anb.address, each_once).await.context("deep pages")?);
    }
    let what = "pages from 950,000 on, uncached (theirs: page 1, kept)";
    report.figure(&Figure::rate(what, &ours, &kept).with_floor(Floor::Ratio(OF_KEPT)))
}

/// Counts through pages of 16 to 25 rows behind the offset: some twenty thousand different ones.
fn script(folder: &Path, round: usize) -> Result<PathBuf> {
    let file = folder.join("deep.lua");
    std::fs::write(
        &file,
        format!(
            "local n = {round} * 7000
             request = function()
               n = n + 1
               local size = 16 + n % 10
               local page = math.ceil({DEEP} / size) + math.floor(n / 10) % 1900
               return wrk.format('GET', '/api/public/rankings?page=' .. page .. '&page_size=' .. size)
             end"
        ),
    )?;
    Ok(file)
}
