//! More than the server can take: it sheds what is too much, and goes on with the rest.

mod crowd;
mod probe;

use std::collections::HashMap;
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
use crate::world::{Log, SETTLING, Storage, World};
use crowd::{Crowd, Manners, Outcome};
use probe::Probe;

const PEOPLE: usize = 5_000;
const ARTISTS: usize = 1_000;
const ROUNDS: usize = 3;
/// As many as the server has places for commands: it turns nobody away, and is busy all the time.
const PEAK: usize = 512;
const TIMES: usize = 4;
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(5);
/// Sign-ins at the same time; the server lets 65 wait for each of its processors.
const STORM: usize = 512;

const FLOOR: f64 = 0.8;
const HEALTH_MS: f64 = 50.0;
/// What 1,500 more connections cost; a queue without end would cost more.
const RISE_MIB: f64 = 48.0;
/// Overload that goes on costs nothing more.
const GROWTH_MIB: f64 = 16.0;
/// 19 MiB for each of two hashers, and what the connections cost.
const STORM_MIB: f64 = 96.0;

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    let world = World::new(postgres, Log::Kafka, Storage::Folder).await?;
    let contest = Contest::begin(&world, PEOPLE, ARTISTS).await?;
    let server = world.serve().await?;
    sleep(SETTLING).await;
    let bench =
        Bench { server, ballots: Arc::new(Ballots::new(&contest.people, &contest.videos)?) };
    // First, so that its memory is not hidden in what votes have used before.
    bench.sign_ins(report).await?;
    bench.votes(report).await
}

struct Bench {
    server: Process,
    ballots: Arc<Ballots>,
}

impl Bench {
    /// Everybody signs in at once.
    async fn sign_ins(&self, report: &mut Report) -> Result<()> {
        report.section(
            "Overload: a storm of sign-ins (Argon2id, 19 MiB each). Theirs: without it",
            &format!(
                "{STORM} connections, {} s; somebody else votes and looks at pages meanwhile",
                MEASURED.as_secs()
            ),
        )?;
        let (mut calm, mut storm) = (Seen::default(), Seen::default());
        let nobody = async {
            sleep(WARM_UP + MEASURED).await;
            Ok(Outcome::default())
        };
        calm.add(self, &[Look::Health, Look::Page, Look::Vote], nobody).await?;
        // Nobody has this address; the answer takes as long as if somebody had.
        let crowd = crowd(STORM, Manners::Waits);
        let crowd = crowd.drive(self.server.address, StatusCode::UNAUTHORIZED, || Ok(sign_in()));
        storm.add(self, &[Look::Health, Look::Page, Look::Vote], crowd).await?;
        let lines = [
            Figure::alone("sign-ins", "per s", median(&storm.rates)),
            Figure::alone("told to come again (503)", "per s", median(&storm.refused)),
            Look::Health.figure(&storm, &calm).with_floor(Floor::AtMost(HEALTH_MS)),
            Look::Page.figure(&storm, &calm),
            Look::Vote.figure(&storm, &calm),
            Figure::alone("memory beyond that without it", "MiB", storm.memory() - calm.memory())
                .with_floor(Floor::AtMost(STORM_MIB)),
        ];
        lines.iter().try_for_each(|line| report.figure(line))
    }

    /// Votes at the peak, and with four times as many clients.
    async fn votes(&self, report: &mut Report) -> Result<()> {
        report.section(
            "Overload: votes on Kafka, verdict awaited. Theirs: what the server takes at its peak",
            &format!(
                "{} connections, at the peak {PEAK}; {ROUNDS} interleaved rounds of {} s each, medians",
                TIMES * PEAK,
                MEASURED.as_secs()
            ),
        )?;
        // For the broker's just-in-time compiler, and for memory that is used once and kept.
        self.vote(PEAK, Manners::Waits).await?;
        let [mut peak, mut polite, mut rude] = [(); 3].map(|()| Seen::default());
        let looks = [Look::Health, Look::Page];
        for _ in 0..ROUNDS {
            peak.add(self, &looks, self.vote(PEAK, Manners::Waits)).await?;
            polite.add(self, &looks, self.vote(TIMES * PEAK, Manners::Waits)).await?;
        }
        for _ in 0..ROUNDS {
            rude.add(self, &looks, self.vote(TIMES * PEAK, Manners::Insists)).await?;
        }
        let rate = |seen: &Seen| Figure::rate("votes that count", &seen.rates, &peak.rates);
        let refused =
            |seen: &Seen| Figure::alone("told to come again (503)", "per s", median(&seen.refused));
        let lines = [
            rate(&polite).with_floor(Floor::Ratio(FLOOR)),
            refused(&polite),
            Look::Health.figure(&polite, &peak).with_floor(Floor::AtMost(HEALTH_MS)),
            Look::Page.figure(&polite, &peak),
            Figure::alone("memory beyond that at the peak", "MiB", polite.memory() - peak.memory())
                .with_floor(Floor::AtMost(RISE_MIB)),
            Figure::alone("memory, last round beyond the first", "MiB", polite.growth())
                .with_floor(Floor::AtMost(GROWTH_MIB)),
        ];
        lines.iter().try_for_each(|line| report.figure(line))?;
        report.section(
            "The same, with clients who come again at once, whatever they are told",
            "they take processor time from the server, which shares two cores with them",
        )?;
        let lines = [
            rate(&rude),
            refused(&rude),
            Look::Health.figure(&rude, &peak),
            Figure::alone("memory beyond that at the peak", "MiB", rude.memory() - peak.memory()),
        ];
        lines.iter().try_for_each(|line| report.figure(line))
    }

    async fn vote(&self, clients: usize, manners: Manners) -> Result<Outcome> {
        let ballots = Arc::clone(&self.ballots);
        let crowd = crowd(clients, manners);
        crowd.drive(self.server.address, StatusCode::OK, move || ballots.draw()).await
    }
}

fn crowd(size: usize, manners: Manners) -> Crowd {
    Crowd { size, manners, warm_up: WARM_UP, measured: MEASURED }
}

fn sign_in() -> Request {
    let body =
        Bytes::from_static(br#"{"email":"nobody@example.com","password":"correcto caballo"}"#);
    let mut request = client::request(Method::POST, Uri::from_static("/api/auth/login"), body);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request
}

/// What somebody does meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Look {
    Health,
    Page,
    Vote,
}

impl Look {
    fn start(self, bench: &Bench) -> Result<Probe> {
        let address = bench.server.address;
        let get = |path| move || Ok(client::get(Uri::from_static(path)));
        match self {
            Self::Health => Probe::start(address, get("/health")),
            Self::Page => Probe::start(address, get("/api/public/rankings")),
            Self::Vote => {
                let ballots = Arc::clone(&bench.ballots);
                Probe::start(address, move || ballots.draw())
            }
        }
    }

    fn figure(self, ours: &Seen, theirs: &Seen) -> Figure<'static> {
        let what = match self {
            Self::Health => "GET /health, p99",
            Self::Page => "GET /api/public/rankings, p99",
            Self::Vote => "a vote, p99",
        };
        Figure::beside(what, "ms", ours.p99(self), theirs.p99(self))
    }
}

/// What loads came to, and how the server was meanwhile, a round each.
#[derive(Default)]
struct Seen {
    rates: Vec<f64>,
    refused: Vec<f64>,
    /// The most that was resident, in MiB.
    memory: Vec<f64>,
    /// In milliseconds, of all rounds.
    delays: HashMap<Look, Vec<f64>>,
}

impl Seen {
    async fn add(
        &mut self,
        bench: &Bench,
        looks: &[Look],
        load: impl Future<Output = Result<Outcome>>,
    ) -> Result<()> {
        let mut probes = Vec::new();
        for look in looks {
            probes.push((*look, look.start(bench)?));
        }
        let memory = probe::memory(bench.server.pid()?);
        let outcome = load.await?;
        self.memory.push(memory.most());
        self.rates.push(outcome.rate);
        self.refused.push(outcome.refused);
        for (look, probe) in probes {
            self.delays.entry(look).or_default().extend(probe.delays().await?);
        }
        Ok(())
    }

    fn p99(&self, look: Look) -> f64 {
        self.delays.get(&look).map_or(0.0, |delays| percentile(delays, 0.99))
    }

    fn memory(&self) -> f64 {
        percentile(&self.memory, 1.0)
    }

    fn growth(&self) -> f64 {
        let first = self.memory.first().copied().unwrap_or_default();
        self.memory.last().map_or(0.0, |last| last - first)
    }
}
