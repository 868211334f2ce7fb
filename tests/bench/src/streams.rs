//! Live streams: thousands of subscribers of one board, the memory of each, and the delay of a vote.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::StatusCode;
use rustix::process::{Resource, getrlimit};
use test_services::OwnPostgres;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::ballots::Ballots;
use crate::client::Connection;
use crate::deployment::{Deployment, Log, SETTLING, Storage};
use crate::process::Process;
use crate::report::{Figure, Floor, Report};
use crate::resident::resident;
use crate::statistics::percentile;

const SUBSCRIBERS: usize = 5_000;
const ACCOUNTS: usize = 1_000;
const ARTISTS: usize = 100;
const VOTES: usize = 20;
/// The pause between two votes. Each message then belongs to a known vote.
const VOTE_INTERVAL: Duration = Duration::from_millis(500);
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(20);
const READ_BUFFER: usize = 1_024;
const MAX_KIB_PER_STREAM: f64 = 20.0;
const MAX_P99_MS: f64 = 300.0;

/// The number of a vote, and when a subscriber received its message.
type Received = (usize, Instant);

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    report.section(
        "Live boards: open streams of one process",
        &format!("{SUBSCRIBERS} subscribers of one board, {VOTES} votes, one at a time"),
    )?;
    check_open_files()?;
    let deployment = Deployment::new(postgres, Log::Postgres, Storage::Folder).await?;
    let (server, contest) = deployment.serve_contest(ACCOUNTS, ARTISTS).await?;
    deployment.ranking_shows(&server, ARTISTS).await?;
    sleep(SETTLING).await;

    let before = resident(server.pid()?, "VmRSS")?;
    let (messages, mut received) = mpsc::unbounded_channel();
    let mut subscribers = JoinSet::new();
    for _ in 0..SUBSCRIBERS {
        let stream = open(&server).await?;
        subscribers.spawn(forward(stream, messages.clone()));
    }
    sleep(SETTLING).await;
    let each = (resident(server.pid()?, "VmRSS")? - before) * 1_024.0 / SUBSCRIBERS as f64;
    let figure = Figure::alone("resident memory per open stream, idle", "KiB", each);
    report.figure(&figure.with_floor(Floor::AtMost(MAX_KIB_PER_STREAM)))?;

    let ballots = Arc::new(Ballots::new(&contest.accounts, &contest.videos)?);
    let delays = vote_and_wait(&server, &ballots, &mut received).await?;
    let after = (resident(server.pid()?, "VmRSS")? - before) * 1_024.0 / SUBSCRIBERS as f64;
    let figure = Figure::alone("resident memory per open stream, in use", "KiB", after);
    report.figure(&figure.with_floor(Floor::AtMost(MAX_KIB_PER_STREAM)))?;
    report.figure(&Figure::alone(
        "from a vote's 200 to a subscriber, p50",
        "ms",
        percentile(&delays, 0.5),
    ))?;
    let p99 =
        Figure::alone("from a vote's 200 to a subscriber, p99", "ms", percentile(&delays, 0.99));
    report.figure(&p99.with_floor(Floor::AtMost(MAX_P99_MS)))
}

/// Each subscriber is an open file of this process and one of the server. `main` has raised the limit.
fn check_open_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let enough = limit.maximum.is_none_or(|maximum| maximum > 2 * SUBSCRIBERS as u64);
    ensure!(enough, "the limit of open files is too low (`ulimit -Hn`)");
    Ok(())
}

/// Opens a stream and waits for its `ready` event.
async fn open(server: &Process) -> Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(server.address).await?;
    stream
        .write_all(b"GET /api/public/rankings/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        .await?;
    let mut stream = BufReader::with_capacity(READ_BUFFER, stream);
    timeout(MESSAGE_TIMEOUT, until(&mut stream, "event: ready"))
        .await
        .context("a stream is silent")??;
    Ok(stream)
}

/// Forwards the time of each `change` event until the receiver is dropped.
async fn forward(
    mut stream: BufReader<TcpStream>,
    messages: mpsc::UnboundedSender<Received>,
) -> Result<()> {
    for vote in 0.. {
        until(&mut stream, "event: change").await?;
        if messages.send((vote, Instant::now())).is_err() {
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

/// The delays of every vote at every subscriber, in milliseconds.
async fn vote_and_wait(
    server: &Process,
    ballots: &Ballots,
    received: &mut mpsc::UnboundedReceiver<Received>,
) -> Result<Vec<f64>> {
    let mut connection = Connection::open(server.address).await?;
    let mut delays = Vec::with_capacity(SUBSCRIBERS * VOTES);
    for number in 0..VOTES {
        connection.send(ballots.draw()?).await?.expect(StatusCode::OK)?;
        let accepted = Instant::now();
        for _ in 0..SUBSCRIBERS {
            let (vote, at) = timeout(MESSAGE_TIMEOUT, received.recv())
                .await
                .context("a subscriber gets no message")?
                .context("every stream has ended")?;
            ensure!(vote == number, "a subscriber got message {vote} instead of {number}");
            delays.push(at.saturating_duration_since(accepted).as_secs_f64() * 1e3);
        }
        sleep(VOTE_INTERVAL).await;
    }
    Ok(delays)
}
