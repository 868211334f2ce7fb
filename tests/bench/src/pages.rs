//! Pages per second of the ranking and of the public list, at a thousand artists.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderValue, StatusCode, Uri};
use test_services::OwnPostgres;

use crate::ballots::Ballots;
use crate::bare;
use crate::client::{self, Connection};
use crate::deployment::{Deployment, Log, Storage};
use crate::nginx;
use crate::process::Process;
use crate::report::{Figure, Floor, Report};
use crate::statistics::median;
use crate::voters::Voters;
use crate::wrk::{Target, Wrk};

const ARTISTS: usize = 1_000;
const ACCOUNTS: usize = 5_000;
pub(crate) const ROUNDS: usize = 3;
pub(crate) const WRK: Wrk = Wrk { connections: 64, measured: Duration::from_secs(4) };
pub(crate) const RANKING: &str = "/api/public/rankings?page=1&page_size=20";
const LIST: &str = "/api/public/videos?limit=50";
const VOTES_PER_SECOND: f64 = 2_000.0;
const MIN_BASELINE_RATIO: f64 = 0.95;
const MIN_LIST_RATIO: f64 = 0.9;
const MIN_NOT_MODIFIED_RATIO: f64 = 1.1;
const MIN_RATIO_DURING_VOTES: f64 = 0.8;

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    report.section(
        "Pages. Theirs: nginx with the same bytes in a file; a bare handler that answers with them",
        &format!(
            "{ARTISTS} artists; wrk, {} connections; {ROUNDS} interleaved rounds of {} s each after \
             one warm-up round, medians",
            WRK.connections,
            WRK.measured.as_secs()
        ),
    )?;
    let deployment = Deployment::new(postgres, Log::Postgres, Storage::Folder).await?;
    let (anb, contest) = deployment.serve_contest(ACCOUNTS, ARTISTS).await?;
    deployment.ranking_shows(&anb, ARTISTS).await?;
    let floors = (MIN_BASELINE_RATIO, Some(MIN_BASELINE_RATIO));
    compare("ranking, page 1 of 20", RANKING, floors, &anb, &deployment, report).await?;
    let floors = (MIN_LIST_RATIO, None);
    compare("list of 50 videos", LIST, floors, &anb, &deployment, report).await?;
    unchanged(&anb, report).await?;
    let ballots = Arc::new(Ballots::new(&contest.accounts, &contest.videos)?);
    voting("ranking, page 1", &anb, &ballots, report).await
}

/// A page of `anb` beside nginx and the bare handler, each with its floor.
pub(crate) async fn compare(
    what: &str,
    page: &str,
    (min_of_nginx, min_of_bare): (f64, Option<f64>),
    anb: &Process,
    deployment: &Deployment,
    report: &mut Report,
) -> Result<()> {
    let bytes = fetch(anb, page).await?;
    let nginx = nginx_with(&bytes, page, deployment.folder()).await?;
    let bare = bare_with(&bytes, page, deployment.folder()).await?;
    let (mut ours, mut theirs, mut bares) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..=ROUNDS {
        theirs.push(round(&nginx, page).await.context("nginx")?);
        bares.push(round(&bare, page).await.context("the bare page")?);
        ours.push(round(anb, page).await.context("anb")?);
    }
    let what = format!("{what}, {} bytes", bytes.len());
    let (beside_nginx, beside_bare) = (format!("{what} (nginx)"), format!("{what} (bare)"));
    let nginx = Figure::rate(&beside_nginx, &ours[1..], &theirs[1..]);
    report.figure(&nginx.with_floor(Floor::Ratio(min_of_nginx)))?;
    let bare = Figure::rate(&beside_bare, &ours[1..], &bares[1..]);
    report.figure(&match min_of_bare {
        Some(floor) => bare.with_floor(Floor::Ratio(floor)),
        None => bare,
    })
}

/// The same page for a client that has it (304).
async fn unchanged(anb: &Process, report: &mut Report) -> Result<()> {
    let whole = Connection::open(anb.address).await?.send(client::get(RANKING.parse()?)).await?;
    let tag = whole.headers.get(ETAG).context("a page without an ETag")?.clone();
    ensure!(
        status_with(anb, &tag).await? == StatusCode::NOT_MODIFIED,
        "the server sends the page again"
    );
    let headers = [format!("If-None-Match: {}", tag.to_str()?)];
    let unchanged = Target { headers: &headers, ..Target::page(RANKING) };
    let (mut ours, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        whole.push(round(anb, RANKING).await?);
        ours.push(WRK.drive(anb.address, unchanged).await?);
    }
    let figure = Figure::rate("the same, 304 (theirs: our 200)", &ours, &whole);
    report.figure(&figure.with_floor(Floor::Ratio(MIN_NOT_MODIFIED_RATIO)))
}

async fn status_with(anb: &Process, tag: &HeaderValue) -> Result<StatusCode> {
    let mut request = client::get(RANKING.parse()?);
    request.headers_mut().insert(IF_NONE_MATCH, tag.clone());
    Ok(Connection::open(anb.address).await?.send(request).await?.status)
}

/// A page during votes, beside the same page without votes.
pub(crate) async fn voting(
    what: &str,
    anb: &Process,
    ballots: &Arc<Ballots>,
    report: &mut Report,
) -> Result<()> {
    let (mut busy, mut idle, mut votes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        idle.push(round(anb, RANKING).await?);
        let voters = Voters::begin(anb, ballots, VOTES_PER_SECOND).await?;
        busy.push(round(anb, RANKING).await?);
        votes.push(voters.end().await?);
    }
    let what = format!("{what} at {:.0} votes/s (theirs: idle)", median(&votes));
    let figure = Figure::rate(&what, &busy, &idle);
    report.figure(&figure.with_floor(Floor::Ratio(MIN_RATIO_DURING_VOTES)))
}

pub(crate) async fn round(contender: &Process, page: &str) -> Result<f64> {
    WRK.drive(contender.address, Target::page(page)).await
}

async fn fetch(server: &Process, page: &str) -> Result<Bytes> {
    let page: Uri = page.parse()?;
    Connection::open(server.address).await?.send(client::get(page)).await?.expect(StatusCode::OK)
}

async fn nginx_with(bytes: &Bytes, page: &str, folder: &Path) -> Result<Process> {
    let uri: Uri = page.parse()?;
    let nginx = nginx::serve(folder, uri.path(), bytes).await?;
    ensure!(fetch(&nginx, page).await? == bytes, "nginx does not serve the same bytes");
    Ok(nginx)
}

async fn bare_with(bytes: &Bytes, page: &str, folder: &Path) -> Result<Process> {
    let file = folder.join("page.json");
    std::fs::write(&file, bytes)?;
    let file = file.to_str().context("the folder is not UTF-8")?;
    let bare = bare::start("bare-page", &["--page", file], folder).await?;
    ensure!(fetch(&bare, page).await? == bytes, "the bare handler does not serve the same bytes");
    Ok(bare)
}
