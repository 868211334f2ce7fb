//! More than the server can take: it sheds what is too much, and goes on with the rest.

mod crowd;
mod probe;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode, Uri};
use test_services::OwnPostgres;
use tokio::time::sleep;

use crate::ballots::Ballots;
use crate::client::{self, Request};
use crate::contest::Contest;
use crate::process::Process;
use crate::report::{Figure, Floor, Report};
use crate::statistics::{median, percentile};
use crate::world::{Log, Storage, World};
use crowd::{Crowd, Outcome};
use probe::Probe;

const PEOPLE: usize = 5_000;
const ARTISTS: usize = 1_000;
const ROUNDS: usize = 3;
/// As many as the server has places for commands: it turns nobody away, and is busy all the time.
const PEAK: usize = 1_024;
const TIMES: usize = 4;
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(5);
/// Sign-ins at the same time; the server lets 65 wait for each of its processors.
const STORM: usize = 512;
const CALM: Duration = Duration::from_secs(1);

const FLOOR: f64 = 0.8;
const HEALTH_MS: f64 = 50.0;
/// What a connection costs, times three thousand; not what a queue without end would cost.
const RISE_MIB: f64 = 96.0;
/// 19 MiB for each of two hashers, and what the connections cost.
const STORM_MIB: f64 = 96.0;

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    let world = World::new(postgres, Log::Kafka, Storage::Folder).await?;
    let contest = Contest::begin(&world, PEOPLE, ARTISTS).await?;
    let server = world.serve().await?;
    votes(&server, &contest, report).await?;
    sleep(CALM).await;
    sign_ins(&server, report).await
}

/// Votes at the peak, and with four times as many clients, each of whom comes again when told so.
async fn votes(server: &Process, contest: &Contest, report: &mut Report) -> Result<()> {
    report.section(
        "Overload: votes on Kafka, verdict awaited. Theirs: what the server takes at its peak",
        &format!(
            "{} connections, at the peak {PEAK}; who is told to come again does, after Retry-After; \
             {ROUNDS} interleaved rounds of {} s each, medians",
            TIMES * PEAK,
            MEASURED.as_secs()
        ),
    )?;
    let ballots = Arc::new(Ballots::new(&contest.people, &contest.videos)?);
    let crowd = |size| {
        let ballots = Arc::clone(&ballots);
        Crowd { size, warm_up: WARM_UP, measured: MEASURED }.drive(
            server.address,
            StatusCode::OK,
            move || ballots.draw(),
        )
    };
    // For the broker's just-in-time compiler, and for memory that is used once and kept.
    crowd(PEAK).await?;
    let (mut peak, mut overload) = (Rounds::default(), Rounds::default());
    for _ in 0..ROUNDS {
        peak.add(Watched::during(server, crowd(PEAK)).await?);
        overload.add(Watched::during(server, crowd(TIMES * PEAK)).await?);
    }
    let lines = [
        Figure::rate("votes that count", &overload.rates, &peak.rates)
            .with_floor(Floor::Ratio(FLOOR)),
        Figure::alone("told to come again (503)", "per s", median(&overload.refused)),
        Figure::beside("GET /health, p99", "ms", overload.health(), peak.health())
            .with_floor(Floor::AtMost(HEALTH_MS)),
        Figure::beside("GET /api/public/rankings, p99", "ms", overload.page(), peak.page()),
        Figure::alone("memory beyond that at the peak", "MiB", overload.memory() - peak.memory())
            .with_floor(Floor::AtMost(RISE_MIB)),
    ];
    lines.iter().try_for_each(|line| report.figure(line))
}

/// Everybody signs in at once.
async fn sign_ins(server: &Process, report: &mut Report) -> Result<()> {
    report.section(
        "Overload: a storm of sign-ins (Argon2id, 19 MiB each). Theirs: without it",
        &format!("{STORM} connections, {} s", MEASURED.as_secs()),
    )?;
    let calm = Watched::during(server, async {
        sleep(MEASURED).await;
        Ok(Outcome::default())
    })
    .await?;
    let storm = Crowd { size: STORM, warm_up: WARM_UP, measured: MEASURED };
    // Nobody has this address; the answer takes as long as if somebody had.
    let storm = storm.drive(server.address, StatusCode::UNAUTHORIZED, || Ok(sign_in()));
    let storm = Watched::during(server, storm).await?;
    let p99 = |delays: &[f64]| percentile(delays, 0.99);
    let lines = [
        Figure::alone("sign-ins", "per s", storm.outcome.rate),
        Figure::beside("GET /health, p99", "ms", p99(&storm.health), p99(&calm.health))
            .with_floor(Floor::AtMost(HEALTH_MS)),
        Figure::beside("GET /api/public/rankings, p99", "ms", p99(&storm.page), p99(&calm.page)),
        Figure::alone("memory beyond that without it", "MiB", storm.memory - calm.memory)
            .with_floor(Floor::AtMost(STORM_MIB)),
    ];
    lines.iter().try_for_each(|line| report.figure(line))
}

fn sign_in() -> Request {
    let body =
        Bytes::from_static(br#"{"email":"nobody@example.com","password":"correcto caballo"}"#);
    let mut request = client::request(Method::POST, Uri::from_static("/api/auth/login"), body);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request
}

/// What a load came to, and how the server was meanwhile.
struct Watched {
    outcome: Outcome,
    /// In milliseconds.
    health: Vec<f64>,
    page: Vec<f64>,
    /// The most that was resident, in MiB.
    memory: f64,
}

impl Watched {
    async fn during(server: &Process, load: impl Future<Output = Result<Outcome>>) -> Result<Self> {
        let health = Probe::start(server.address, "/health").await?;
        let page = Probe::start(server.address, "/api/public/rankings").await?;
        let memory = probe::memory(server.pid()?);
        let outcome = load.await?;
        Ok(Self {
            outcome,
            health: health.delays().await?,
            page: page.delays().await?,
            memory: memory.most(),
        })
    }
}

#[derive(Default)]
struct Rounds {
    rates: Vec<f64>,
    refused: Vec<f64>,
    health: Vec<f64>,
    page: Vec<f64>,
    memory: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, round: Watched) {
        self.rates.push(round.outcome.rate);
        self.refused.push(round.outcome.refused);
        self.health.extend(round.health);
        self.page.extend(round.page);
        self.memory.push(round.memory);
    }

    fn health(&self) -> f64 {
        percentile(&self.health, 0.99)
    }

    fn page(&self) -> f64 {
        percentile(&self.page, 0.99)
    }

    fn memory(&self) -> f64 {
        percentile(&self.memory, 1.0)
    }
}
