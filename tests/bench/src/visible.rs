//! The delay between the 200 of a vote and the public ranking that shows it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use domain::AccountId;
use http::{StatusCode, Uri};
use serde_json::Value;
use test_services::OwnPostgres;
use tokio::time::{Instant, sleep};

use crate::ballots::Ballots;
use crate::client::{self, Connection};
use crate::deployment::{Deployment, Log, Storage};
use crate::process::Process;
use crate::report::{Figure, Floor, Report};
use crate::statistics::percentile;
use crate::voters::Voters;

const ACCOUNTS: usize = 5_000;
const ARTISTS: usize = 1_000;
/// Artists who get votes: the first page shows all of them.
const FAVOURITES: usize = 20;
/// Rate of the background votes.
const VOTES_PER_SECOND: f64 = 2_000.0;
const MAX_P99_MS: f64 = 100.0;
const MEASURED: Duration = Duration::from_secs(10);
/// Warms up the broker's just-in-time compiler and all caches.
const WARM_UP: Duration = Duration::from_secs(10);
/// The pause between two probes. It keeps them out of step with the projector's batches.
const PROBE_PAUSE: Duration = Duration::from_millis(7);
const VISIBLE_TIMEOUT: Duration = Duration::from_secs(10);
const PAGE: &str = "/api/public/rankings";

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    report.section(
        "From the 200 of a vote to the first answer of GET /api/public/rankings that has it",
        &format!(
            "{VOTES_PER_SECOND} background votes per second, {ARTISTS} artists, {} s on each log",
            MEASURED.as_secs()
        ),
    )?;
    for (log, p50, p99) in [
        (Log::Kafka, "Kafka log, p50", "Kafka log, p99"),
        (Log::Postgres, "Postgres log, p50", "Postgres log, p99"),
    ] {
        let (delays, votes) = probe_all(postgres, log).await?;
        let background = format!("({votes:.0} background votes per s)");
        let ms = |what, q| Figure {
            rounds: background.clone(),
            ..Figure::alone(what, "ms", percentile(&delays, q))
        };
        report.figure(&ms(p50, 0.5))?;
        report.figure(&ms(p99, 0.99).with_floor(Floor::AtMost(MAX_P99_MS)))?;
    }
    Ok(())
}

/// The delays of all probes on a log in milliseconds, and the background votes per second.
async fn probe_all(postgres: &OwnPostgres, log: Log) -> Result<(Vec<f64>, f64)> {
    let deployment = Deployment::new(postgres, log, Storage::Folder).await?;
    let (server, contest) = deployment.serve_contest(ACCOUNTS, ARTISTS).await?;
    let ballots = Arc::new(Ballots::new(&contest.accounts, &contest.videos[..FAVOURITES])?);
    let background = Voters::begin(&server, &ballots, VOTES_PER_SECOND).await?;
    sleep(WARM_UP).await;
    let end = Instant::now() + MEASURED;
    let mut probe = Probe::open(&server).await?;
    let mut delays = Vec::new();
    while Instant::now() < end {
        let delay = probe.vote_and_watch(&ballots, &contest.accounts).await?;
        delays.push(delay.as_secs_f64() * 1e3);
        sleep(PROBE_PAUSE).await;
    }
    Ok((delays, background.end().await?))
}

struct Probe {
    votes: Connection,
    pages: Connection,
}

impl Probe {
    async fn open(server: &Process) -> Result<Self> {
        let votes = Connection::open(server.address).await?;
        let pages = Connection::open(server.address).await?;
        Ok(Self { votes, pages })
    }

    /// Casts a vote, then requests the ranking until it shows the vote.
    async fn vote_and_watch(
        &mut self,
        ballots: &Ballots,
        artists: &[AccountId],
    ) -> Result<Duration> {
        let (video, vote) = ballots.draw_for()?;
        let voted = self.votes.send(vote).await?.expect(StatusCode::OK)?;
        let accepted = Instant::now();
        let voted: Value = serde_json::from_slice(&voted)?;
        let count = voted["total_votes"].as_u64().context("an answer without total_votes")?;
        let artist = artists[video].to_string();
        loop {
            let page = self
                .pages
                .send(client::get(Uri::from_static(PAGE)))
                .await?
                .expect(StatusCode::OK)?;
            let delay = accepted.elapsed();
            if votes_of(&artist, &page)? >= count {
                return Ok(delay);
            }
            if delay > VISIBLE_TIMEOUT {
                bail!("the ranking does not show a vote within {} s", VISIBLE_TIMEOUT.as_secs());
            }
        }
    }
}

/// The votes of an artist on a page of the ranking. Each artist has one video.
fn votes_of(artist: &str, page: &[u8]) -> Result<u64> {
    let page: Value = serde_json::from_slice(page)?;
    let rows = page["rankings"].as_array().context("a page without rankings")?;
    let row = rows.iter().find(|row| row["artist_id"] == artist);
    Ok(row.and_then(|row| row["votes"].as_u64()).unwrap_or_default())
}
