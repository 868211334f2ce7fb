//! Thousands who watch a board live: what each costs, and how soon they see a vote.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::StatusCode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use test_services::OwnPostgres;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::ballots::Ballots;
use crate::client::Connection;
use crate::contest::Contest;
use crate::memory::resident;
use crate::process::Process;
use crate::report::{Figure, Floor, Report};
use crate::statistics::percentile;
use crate::world::{Log, SETTLING, Storage, World};

const WATCHERS: usize = 5_000;
const PEOPLE: usize = 1_000;
const ARTISTS: usize = 100;
const VOTES: usize = 20;
/// One vote at a time, so that it is clear which one a message is about.
const APART: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(20);
const READ_AHEAD: usize = 1_024;
const KIB_EACH: f64 = 20.0;
const MS: f64 = 300.0;

/// When a watcher was told of the vote with this number.
type Told = (usize, Instant);

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    report.section(
        "Live boards: open streams of one process",
        &format!("{WATCHERS} watchers of one board, {VOTES} votes, one at a time"),
    )?;
    raise_open_files()?;
    let world = World::new(postgres, Log::Postgres, Storage::Folder).await?;
    let contest = Contest::begin(&world, PEOPLE, ARTISTS).await?;
    let server = world.serve().await?;
    world.ranking_shows(&server, ARTISTS).await?;
    sleep(SETTLING).await;

    let before = resident(server.pid()?, "VmRSS")?;
    let (report_to, mut told) = mpsc::unbounded_channel();
    let mut watchers = JoinSet::new();
    for _ in 0..WATCHERS {
        let stream = open(&server).await?;
        watchers.spawn(watch(stream, report_to.clone()));
    }
    sleep(SETTLING).await;
    let each = (resident(server.pid()?, "VmRSS")? - before) * 1_024.0 / WATCHERS as f64;
    let figure = Figure::alone("resident memory per open stream, idle", "KiB", each);
    report.figure(&figure.with_floor(Floor::AtMost(KIB_EACH)))?;

    let ballots = Arc::new(Ballots::new(&contest.people, &contest.videos)?);
    let delays = vote_and_wait(&server, &ballots, &mut told).await?;
    let after = (resident(server.pid()?, "VmRSS")? - before) * 1_024.0 / WATCHERS as f64;
    let figure = Figure::alone("resident memory per open stream, in use", "KiB", after);
    report.figure(&figure.with_floor(Floor::AtMost(KIB_EACH)))?;
    report.figure(&Figure::alone(
        "from a vote's 200 to a watcher, p50",
        "ms",
        percentile(&delays, 0.5),
    ))?;
    let p99 = Figure::alone("from a vote's 200 to a watcher, p99", "ms", percentile(&delays, 0.99));
    report.figure(&p99.with_floor(Floor::AtMost(MS)))
}

/// Each watcher is a file of ours, and one of the server's.
fn raise_open_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let enough = limit.maximum.is_none_or(|maximum| maximum > 2 * WATCHERS as u64);
    ensure!(enough, "a process may open too few files (`ulimit -Hn`)");
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}

/// A stream that has said that the watcher knows everything.
async fn open(server: &Process) -> Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(server.address).await?;
    stream
        .write_all(b"GET /api/public/rankings/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        .await?;
    let mut stream = BufReader::with_capacity(READ_AHEAD, stream);
    timeout(PATIENCE, until(&mut stream, "event: ready")).await.context("a stream is silent")??;
    Ok(stream)
}

/// Reports every message that something has changed, as long as anybody listens.
async fn watch(
    mut stream: BufReader<TcpStream>,
    report_to: mpsc::UnboundedSender<Told>,
) -> Result<()> {
    for vote in 0.. {
        until(&mut stream, "event: change").await?;
        if report_to.send((vote, Instant::now())).is_err() {
            break;
        }
    }
    Ok(())
}

async fn until(stream: &mut BufReader<TcpStream>, wanted: &str) -> Result<()> {
    let mut line = String::new();
    while line.trim_end() != wanted {
        line.clear();
        ensure!(stream.read_line(&mut line).await? > 0, "a stream has ended");
    }
    Ok(())
}

/// The delays of all watchers and votes, in milliseconds.
async fn vote_and_wait(
    server: &Process,
    ballots: &Ballots,
    told: &mut mpsc::UnboundedReceiver<Told>,
) -> Result<Vec<f64>> {
    let mut connection = Connection::open(server.address).await?;
    let mut delays = Vec::with_capacity(WATCHERS * VOTES);
    for number in 0..VOTES {
        connection.send(ballots.draw()?).await?.expect(StatusCode::OK)?;
        let accepted = Instant::now();
        for _ in 0..WATCHERS {
            let (vote, at) = timeout(PATIENCE, told.recv())
                .await
                .context("a watcher is not told")?
                .context("every watcher has gone")?;
            ensure!(vote == number, "a watcher was told of {vote} instead of {number}");
            delays.push(at.saturating_duration_since(accepted).as_secs_f64() * 1e3);
        }
        sleep(APART).await;
    }
    Ok(delays)
}
