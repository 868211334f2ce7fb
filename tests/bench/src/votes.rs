//! Votes per second over HTTP, each with a token, each answered after its verdict.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use infra::event_log::kafka::KafkaLog;
use test_services::OwnPostgres;

use crate::ballots::Ballots;
use crate::bare;
use crate::contest::Contest;
use crate::load::Load;
use crate::process::Process;
use crate::report::{Figure, Floor, Report};
use crate::world::{self, Log, Storage, World};

const PEOPLE: usize = 5_000;
const ARTISTS: usize = 1_000;
const ROUNDS: usize = 3;
/// For the broker's just-in-time compiler, which takes so long to settle, and everybody's caches.
const WARM_UPS: usize = 3;
const LOAD: Load =
    Load { connections: 256, warm_up: Duration::from_secs(1), measured: Duration::from_secs(4) };
const FLOOR_ON_KAFKA: f64 = 0.3;
const FLOOR_ON_POSTGRES: f64 = 0.15;

pub(crate) async fn measure(postgres: &OwnPostgres, report: &mut Report) -> Result<()> {
    report.section(
        "Votes with a token, verdict awaited. Theirs: a bare handler that only appends the same bytes",
        &format!(
            "{} connections, {PEOPLE} people, {ARTISTS} videos, no vote twice; \
             {ROUNDS} interleaved rounds of {} s each, medians",
            LOAD.connections,
            LOAD.measured.as_secs()
        ),
    )?;
    let on_kafka = World::new(postgres, Log::Kafka, Storage::Folder).await?;
    let on_postgres = World::new(postgres, Log::Postgres, Storage::Folder).await?;
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

    let (bare, naive) = (bare_kafka.measured(), bare_postgres.measured());
    let figure =
        |what, contender: &Contender, theirs| Figure::rate(what, contender.measured(), theirs);
    let lines = [
        figure("votes, Kafka log (theirs: append to Kafka)", &ours_on_kafka, bare)
            .with_floor(Floor::Ratio(FLOOR_ON_KAFKA)),
        figure("votes, Postgres log (theirs: append to Kafka)", &ours_on_postgres, bare)
            .with_floor(Floor::Ratio(FLOOR_ON_POSTGRES)),
        figure("votes, Postgres log (theirs: insert into Postgres)", &ours_on_postgres, naive),
    ];
    lines.iter().try_for_each(|line| report.figure(line))
}

/// Who takes votes.
struct Contender {
    process: Process,
    ballots: Arc<Ballots>,
    /// Votes per second, of each round.
    rates: Vec<f64>,
}

impl Contender {
    async fn anb(world: &World) -> Result<Self> {
        let contest = Contest::begin(world, PEOPLE, ARTISTS).await?;
        Self::new(world.serve().await?, &contest)
    }

    /// On a topic of its own, made as that of the contest.
    async fn bare_kafka(world: &World) -> Result<Self> {
        let kafka = world::new_topic();
        let arguments = ["--brokers", &kafka.brokers, "--topic", &kafka.topic];
        KafkaLog::open(kafka.clone()).await?;
        let process = bare::start("bare-append", &arguments, world.folder()).await?;
        Self::new(process, &Contest::imagined(PEOPLE, ARTISTS))
    }

    async fn bare_postgres(world: &World, postgres: &OwnPostgres) -> Result<Self> {
        let arguments = ["--database-url", &postgres.database_url().await?];
        let process = bare::start("bare-append", &arguments, world.folder()).await?;
        Self::new(process, &Contest::imagined(PEOPLE, ARTISTS))
    }

    fn new(process: Process, contest: &Contest) -> Result<Self> {
        let ballots = Arc::new(Ballots::new(&contest.people, &contest.videos)?);
        Ok(Self { process, ballots, rates: Vec::new() })
    }

    /// The rates of all rounds after the first ones.
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
