//! Votes per second over HTTP. Each carries a token and is answered after its verdict.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use infra::event_log::kafka::KafkaLog;
use test_contests::SeededContest;
use test_services::OwnPostgres;

use crate::ballots::Ballots;
use crate::bare;
use crate::deployment::{self, Deployment, Log, Storage};
use crate::load::Load;
use crate::process::Process;
use crate::report::{Figure, Floor, Report};

const ACCOUNTS: usize = 5_000;
const ARTISTS: usize = 1_000;
const ROUNDS: usize = 3;
/// The broker's just-in-time compiler needs so many rounds to settle.
const WARM_UPS: usize = 3;
const LOAD: Load =
    Load { connections: 256, warm_up: Duration::from_secs(1), measured: Duration::from_secs(4) };
const MIN_KAFKA_RATIO: f64 = 0.3;
const MIN_POSTGRES_RATIO: f64 = 0.15;

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    report.section(
        "Votes with a token, verdict awaited. Theirs: a bare handler that only appends the same bytes",
        &format!(
            "{} connections, {ACCOUNTS} accounts, {ARTISTS} videos, no vote twice; \
             {ROUNDS} interleaved rounds of {} s each, medians",
            LOAD.connections,
            LOAD.measured.as_secs()
        ),
    )?;
    let on_kafka = Deployment::new(postgres, Log::Kafka, Storage::Folder).await?;
    let on_postgres = Deployment::new(postgres, Log::Postgres, Storage::Folder).await?;
    let mut ours_on_kafka = Contender::anb(&on_kafka).await?;
    let mut ours_on_postgres = Contender::anb(&on_postgres).await?;
    let mut bare_kafka = Contender::bare_kafka(&on_kafka).await?;
    let mut bare_postgres = Contender::bare_postgres(&on_postgres, postgres).await?;

    for _ in 0..WARM_UPS + ROUNDS {
        bare_kafka.round().await.context("the bare append to Kafka")?;
        ours_on_kafka.round().await.context("anb on Kafka")?;
        bare_postgres.round().await.context("the bare insert into Postgres")?;
        ours_on_postgres.round().await.context("anb on Postgres")?;
    }

    let (bare, row_per_vote) = (bare_kafka.measured(), bare_postgres.measured());
    let figure =
        |what, contender: &Contender, theirs| Figure::rate(what, contender.measured(), theirs);
    let lines = [
        figure("votes, Kafka log (theirs: append to Kafka)", &ours_on_kafka, bare)
            .with_floor(Floor::Ratio(MIN_KAFKA_RATIO)),
        figure("votes, Postgres log (theirs: append to Kafka)", &ours_on_postgres, bare)
            .with_floor(Floor::Ratio(MIN_POSTGRES_RATIO)),
        figure(
            "votes, Postgres log (theirs: insert into Postgres)",
            &ours_on_postgres,
            row_per_vote,
        ),
    ];
    lines.iter().try_for_each(|line| report.figure(line))
}

/// A server that takes votes.
struct Contender {
    process: Process,
    ballots: Arc<Ballots>,
    /// Votes per second of each round.
    rates: Vec<f64>,
}

impl Contender {
    async fn anb(deployment: &Deployment) -> Result<Self> {
        let (server, contest) = deployment.serve_contest(ACCOUNTS, ARTISTS).await?;
        Self::new(server, &contest)
    }

    /// On a topic of its own, created with the settings of the contest's topic.
    async fn bare_kafka(deployment: &Deployment) -> Result<Self> {
        let kafka = deployment::new_topic();
        let arguments = ["--brokers", &kafka.brokers, "--topic", &kafka.topic];
        KafkaLog::open(kafka.clone()).await?;
        let process = bare::start("bare-append", &arguments, deployment.folder()).await?;
        Self::new(process, &SeededContest::unregistered(ACCOUNTS, ARTISTS))
    }

    async fn bare_postgres(deployment: &Deployment, postgres: &OwnPostgres) -> Result<Self> {
        let arguments = ["--database-url", &postgres.database_url().await?];
        let process = bare::start("bare-append", &arguments, deployment.folder()).await?;
        Self::new(process, &SeededContest::unregistered(ACCOUNTS, ARTISTS))
    }

    fn new(process: Process, contest: &SeededContest) -> Result<Self> {
        let ballots = Arc::new(Ballots::new(&contest.accounts, &contest.videos)?);
        Ok(Self { process, ballots, rates: Vec::new() })
    }

    /// The rates of all rounds after the warm-up.
    fn measured(&self) -> &[f64] {
        self.rates.get(WARM_UPS..).unwrap_or_default()
    }

    async fn round(&mut self) -> Result<()> {
        let ballots = Arc::clone(&self.ballots);
        let rate = LOAD.drive(self.process.address, move || ballots.draw()).await?;
        self.rates.push(rate);
        Ok(())
    }
}
