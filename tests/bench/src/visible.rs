//! How long after its 200 a vote shows in the public ranking.

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
use crate::contest::Contest;
use crate::process::Process;
use crate::report::{Figure, Floor, Report};
use crate::statistics::percentile;
use crate::voters::Voters;
use crate::world::{Log, Storage, World};

const PEOPLE: usize = 5_000;
const ARTISTS: usize = 1_000;
/// Artists who get votes: so many as the first page shows.
const FAVOURITES: usize = 20;
/// Votes per second besides.
const OTHERS: f64 = 2_000.0;
const P99_MS: f64 = 100.0;
const MEASURED: Duration = Duration::from_secs(10);
/// For the broker's just-in-time compiler, and everybody's caches.
const WARM_UP: Duration = Duration::from_secs(10);
/// So that probes meet batches of the projection at any point.
const PAUSE: Duration = Duration::from_millis(7);
const PATIENCE: Duration = Duration::from_secs(10);
const PAGE: &str = "/api/public/rankings";

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    report.section(
        "From the 200 of a vote to the first answer of GET /api/public/rankings that has it",
        &format!(
            "{OTHERS} votes per second besides, {ARTISTS} artists, {} s on each log",
            MEASURED.as_secs()
        ),
    )?;
    for (log, p50, p99) in [
        (Log::Kafka, "Kafka log, p50", "Kafka log, p99"),
        (Log::Postgres, "Postgres log, p50", "Postgres log, p99"),
    ] {
        let (delays, votes) = probe_all(postgres, log).await?;
        let besides = format!("({votes:.0} votes per s besides)");
        let ms = |what, q| Figure {
            rounds: besides.clone(),
            ..Figure::alone(what, "ms", percentile(&delays, q))
        };
        report.figure(&ms(p50, 0.5))?;
        report.figure(&ms(p99, 0.99).with_floor(Floor::AtMost(P99_MS)))?;
    }
    Ok(())
}

/// The delays of all probes on a log, in milliseconds, and how many others voted per second.
async fn probe_all(postgres: &OwnPostgres, log: Log) -> Result<(Vec<f64>, f64)> {
    let world = World::new(postgres, log, Storage::Folder).await?;
    let contest = Contest::begin(&world, PEOPLE, ARTISTS).await?;
    let server = world.serve().await?;
    let ballots = Arc::new(Ballots::new(&contest.people, &contest.videos[..FAVOURITES])?);
    let others = Voters::begin(&server, &ballots, OTHERS).await?;
    sleep(WARM_UP).await;
    let end = Instant::now() + MEASURED;
    let mut probe = Probe::open(&server).await?;
    let mut delays = Vec::new();
    while Instant::now() < end {
        let delay = probe.vote_and_watch(&ballots, &contest.people).await?;
        delays.push(delay.as_secs_f64() * 1e3);
        sleep(PAUSE).await;
    }
    Ok((delays, others.end().await?))
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

    /// Votes, then asks for the ranking until the vote is in it.
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
            if delay > PATIENCE {
                bail!("a vote does not show within {} s", PATIENCE.as_secs());
            }
        }
    }
}

/// What a page of the ranking shows for an artist; each has one video.
fn votes_of(artist: &str, page: &[u8]) -> Result<u64> {
    let page: Value = serde_json::from_slice(page)?;
    let rows = page["rankings"].as_array().context("a page without rankings")?;
    let row = rows.iter().find(|row| row["artist_id"] == artist);
    Ok(row.and_then(|row| row["votes"].as_u64()).unwrap_or_default())
}
