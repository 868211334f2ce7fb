//! Overload: more requests than the server can serve. It rejects the excess and serves the rest.

mod clients;
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
use crate::deployment::{Deployment, Log, SETTLING, Storage};
use crate::load::Load;
use crate::process::Process;
use crate::report::{Figure, Floor, Report};
use crate::resident::Sampler;
use crate::statistics::{median, percentile};
use clients::{RetryPolicy, Throughput};
use probe::Probe;

const ACCOUNTS: usize = 5_000;
const ARTISTS: usize = 1_000;
const ROUNDS: usize = 3;
/// The server's concurrency limit for commands. At this many voters it is busy and rejects none.
const PEAK: usize = 512;
const OVERLOAD_FACTOR: usize = 4;
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(5);
/// Concurrent logins. The server queues 65 per processor.
const LOGINS: usize = 512;

const MIN_RATE_RATIO: f64 = 0.8;
const MAX_HEALTH_MS: f64 = 50.0;
/// The memory of 1,500 more connections. An unbounded queue would take more.
const MAX_RISE_MIB: f64 = 48.0;
/// Lasting overload must not accumulate memory.
const MAX_GROWTH_MIB: f64 = 16.0;
/// 19 MiB for each of two hashers, and the memory of the connections.
const MAX_LOGIN_RISE_MIB: f64 = 96.0;

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    let deployment = Deployment::new(postgres, Log::Kafka, Storage::Folder).await?;
    let (server, contest) = deployment.serve_contest(ACCOUNTS, ARTISTS).await?;
    sleep(SETTLING).await;
    let bench =
        Bench { server, ballots: Arc::new(Ballots::new(&contest.accounts, &contest.videos)?) };
    // Logins first: memory that votes have freed would hide theirs.
    bench.logins(report).await?;
    bench.votes(report).await
}

struct Bench {
    server: Process,
    ballots: Arc<Ballots>,
}

impl Bench {
    /// Many concurrent logins.
    async fn logins(&self, report: &mut Report) -> Result<()> {
        report.section(
            "Overload: a storm of logins (Argon2id, 19 MiB each). Theirs: without it",
            &format!(
                "{LOGINS} connections, {} s; probes vote and read pages meanwhile",
                MEASURED.as_secs()
            ),
        )?;
        let (mut calm, mut storm) = (Rounds::default(), Rounds::default());
        let idle = async {
            sleep(WARM_UP + MEASURED).await;
            Ok(Throughput::default())
        };
        calm.add(self, &[Target::Health, Target::Page, Target::Vote], idle).await?;
        // No account has this address. The server hashes the password all the same.
        let logins = RetryPolicy::HonourRetryAfter.drive(
            load(LOGINS),
            self.server.address,
            StatusCode::UNAUTHORIZED,
            || Ok(login()),
        );
        storm.add(self, &[Target::Health, Target::Page, Target::Vote], logins).await?;
        let lines = [
            Figure::alone("logins", "per s", median(&storm.served)),
            Figure::alone("rejected (503)", "per s", median(&storm.rejected)),
            Target::Health.figure(&storm, &calm).with_floor(Floor::AtMost(MAX_HEALTH_MS)),
            Target::Page.figure(&storm, &calm),
            Target::Vote.figure(&storm, &calm),
            Figure::alone(
                "memory above that without logins",
                "MiB",
                storm.memory() - calm.memory(),
            )
            .with_floor(Floor::AtMost(MAX_LOGIN_RISE_MIB)),
        ];
        lines.iter().try_for_each(|line| report.figure(line))
    }

    /// Votes at the peak, and with [`OVERLOAD_FACTOR`] times as many clients.
    async fn votes(&self, report: &mut Report) -> Result<()> {
        report.section(
            "Overload: votes on Kafka, verdict awaited. Theirs: the rate at the peak",
            &format!(
                "{} connections, at the peak {PEAK}; {ROUNDS} interleaved rounds of {} s each, medians",
                OVERLOAD_FACTOR * PEAK,
                MEASURED.as_secs()
            ),
        )?;
        // Warms up the broker's just-in-time compiler and the server's allocator.
        self.vote(PEAK, RetryPolicy::HonourRetryAfter).await?;
        let [mut peak, mut honouring, mut insistent] = [(); 3].map(|()| Rounds::default());
        let targets = [Target::Health, Target::Page];
        for _ in 0..ROUNDS {
            peak.add(self, &targets, self.vote(PEAK, RetryPolicy::HonourRetryAfter)).await?;
            honouring
                .add(
                    self,
                    &targets,
                    self.vote(OVERLOAD_FACTOR * PEAK, RetryPolicy::HonourRetryAfter),
                )
                .await?;
        }
        for _ in 0..ROUNDS {
            insistent
                .add(self, &targets, self.vote(OVERLOAD_FACTOR * PEAK, RetryPolicy::Immediate))
                .await?;
        }
        let rate = |rounds: &Rounds| Figure::rate("accepted votes", &rounds.served, &peak.served);
        let rejected =
            |rounds: &Rounds| Figure::alone("rejected (503)", "per s", median(&rounds.rejected));
        let lines = [
            rate(&honouring).with_floor(Floor::Ratio(MIN_RATE_RATIO)),
            rejected(&honouring),
            Target::Health.figure(&honouring, &peak).with_floor(Floor::AtMost(MAX_HEALTH_MS)),
            Target::Page.figure(&honouring, &peak),
            Figure::alone(
                "memory above that at the peak",
                "MiB",
                honouring.memory() - peak.memory(),
            )
            .with_floor(Floor::AtMost(MAX_RISE_MIB)),
            Figure::alone("memory, last round above the first", "MiB", honouring.growth())
                .with_floor(Floor::AtMost(MAX_GROWTH_MIB)),
        ];
        lines.iter().try_for_each(|line| report.figure(line))?;
        report.section(
            "The same, with clients that ignore Retry-After",
            "the clients share the processors with the server",
        )?;
        let lines = [
            rate(&insistent),
            rejected(&insistent),
            Target::Health.figure(&insistent, &peak),
            Figure::alone(
                "memory above that at the peak",
                "MiB",
                insistent.memory() - peak.memory(),
            ),
        ];
        lines.iter().try_for_each(|line| report.figure(line))
    }

    async fn vote(&self, clients: usize, policy: RetryPolicy) -> Result<Throughput> {
        let (ballots, address) = (Arc::clone(&self.ballots), self.server.address);
        policy.drive(load(clients), address, StatusCode::OK, move || ballots.draw()).await
    }
}

fn load(connections: usize) -> Load {
    Load { connections, warm_up: WARM_UP, measured: MEASURED }
}

fn login() -> Request {
    let body =
        Bytes::from_static(br#"{"email":"nobody@example.com","password":"correcto caballo"}"#);
    let mut request = client::request(Method::POST, Uri::from_static("/api/auth/login"), body);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request
}

/// What a probe requests during the load.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Target {
    Health,
    Page,
    Vote,
}

impl Target {
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

    fn figure(self, ours: &Rounds, theirs: &Rounds) -> Figure<'static> {
        let what = match self {
            Self::Health => "GET /health, p99",
            Self::Page => "GET /api/public/rankings, p99",
            Self::Vote => "a vote, p99",
        };
        Figure::beside(what, "ms", ours.p99(self), theirs.p99(self))
    }
}

/// The results of some rounds. The vectors have one entry per round, `delays` one per probe.
#[derive(Default)]
struct Rounds {
    /// Answers per second.
    served: Vec<f64>,
    /// Answers with 503 per second.
    rejected: Vec<f64>,
    /// Peak of resident memory, in MiB.
    memory: Vec<f64>,
    /// In milliseconds.
    delays: HashMap<Target, Vec<f64>>,
}

impl Rounds {
    async fn add(
        &mut self,
        bench: &Bench,
        targets: &[Target],
        load: impl Future<Output = Result<Throughput>>,
    ) -> Result<()> {
        let mut probes = Vec::new();
        for target in targets {
            probes.push((*target, target.start(bench)?));
        }
        let memory = Sampler::start(bench.server.pid()?, "VmRSS");
        let throughput = load.await?;
        self.memory.push(memory.peak());
        self.served.push(throughput.served);
        self.rejected.push(throughput.rejected);
        for (target, probe) in probes {
            self.delays.entry(target).or_default().extend(probe.delays().await?);
        }
        Ok(())
    }

    fn p99(&self, target: Target) -> f64 {
        self.delays.get(&target).map_or(0.0, |delays| percentile(delays, 0.99))
    }

    fn memory(&self) -> f64 {
        percentile(&self.memory, 1.0)
    }

    fn growth(&self) -> f64 {
        let first = self.memory.first().copied().unwrap_or_default();
        self.memory.last().map_or(0.0, |last| last - first)
    }
}
