//! What a server needs: a database, a log, storage and a folder. All of them start empty.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use http::{StatusCode, Uri};
use infra::database::{self, Pool};
use infra::event_log::EventLog;
use infra::event_log::kafka::{KafkaLog, KafkaSettings};
use infra::event_log::postgres::PostgresLog;
use tempfile::TempDir;
use test_contests::SeededContest;
use test_services::OwnPostgres;
use test_services::java::free_port;
use tokio::process::Command;
use tokio::time::sleep;

use crate::client::{self, Connection};
use crate::process::{self, Process};
use crate::token::SECRET_KEY;

const PARTITIONS: u32 = 8;
/// Bounds a statement that fills a table.
pub(crate) const FILL_TIMEOUT: Duration = Duration::from_secs(600);
/// Bounds the wait for the projection, and for the ranking.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// A new server has finished its one-time work by then.
pub(crate) const SETTLING: Duration = Duration::from_secs(3);

/// Which adapter keeps the events.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    Kafka,
    Postgres,
}

/// Which adapter keeps the videos.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    Folder,
    S3,
}

/// The log of a deployment, as its processes find it in their environment.
#[derive(Clone, clap::Args)]
pub(crate) struct LogArgs {
    #[arg(long, env)]
    pub(crate) database_url: String,
    #[arg(long, env, requires = "kafka_topic")]
    kafka_brokers: Option<String>,
    #[arg(long, env)]
    kafka_topic: Option<String>,
}

impl LogArgs {
    pub(crate) async fn open(self, pool: &Pool) -> Result<Arc<dyn EventLog>> {
        Ok(match (self.kafka_brokers, self.kafka_topic) {
            (Some(brokers), Some(topic)) => Arc::new(
                KafkaLog::open(KafkaSettings::plaintext(brokers, topic, PARTITIONS)).await?,
            ),
            _ => Arc::new(PostgresLog::open(pool.clone(), PARTITIONS).await?),
        })
    }
}

/// A deployment of `anb` that shares nothing with the others of the run.
pub(crate) struct Deployment {
    folder: TempDir,
    pub(crate) pool: Pool,
    pub(crate) log: Arc<dyn EventLog>,
    settings: Vec<(&'static str, String)>,
}

impl Deployment {
    pub(crate) async fn new(postgres: &OwnPostgres, log: Log, storage: Storage) -> Result<Self> {
        let database_url = postgres.database_url().await?;
        let pool = database::connect(&database_url, 4).await?.with_statement_timeout(FILL_TIMEOUT);
        let kafka = (log == Log::Kafka).then(new_topic);
        let mut settings = vec![
            ("DATABASE_URL", database_url.clone()),
            ("SECRET_KEY", SECRET_KEY.to_owned()),
            ("LOG_PARTITIONS", PARTITIONS.to_string()),
        ];
        if let Some(KafkaSettings { brokers, topic, .. }) = kafka.clone() {
            settings.extend([
                ("EVENT_LOG", "kafka".to_owned()),
                ("KAFKA_BROKERS", brokers),
                ("KAFKA_TOPIC", topic),
            ]);
        }
        if storage == Storage::S3 {
            let bucket = test_services::s3().await;
            let values = bucket.settings().map(|(name, value)| (name, value.to_owned()));
            settings.extend(values);
        }
        let (kafka_brokers, kafka_topic) = kafka.map(|kafka| (kafka.brokers, kafka.topic)).unzip();
        let log = LogArgs { database_url, kafka_brokers, kafka_topic }.open(&pool).await?;
        let folder = tempfile::Builder::new().prefix("anb-bench-").tempdir()?;
        Ok(Self { folder, pool, log, settings })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A program built with this one, with the settings of this deployment.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Result<Command> {
        let mut command = process::command(&process::sibling(program)?);
        command
            .args(arguments)
            .current_dir(self.folder())
            .env("DATA_DIR", self.folder().join("data"))
            .envs(self.settings.iter().map(|(name, value)| (*name, value.as_str())));
        Ok(command)
    }

    /// Starts `anb serve` with all roles. Returns once it has folded the whole log.
    pub(crate) async fn serve(&self) -> Result<Process> {
        let mut anb = self.command("anb", &["serve"])?;
        let port = free_port()?;
        anb.env("HTTP_ADDR", format!("127.0.0.1:{port}"));
        let server = Process::start(anb, port, &self.folder().join("anb.log")).await?;
        self.caught_up().await?;
        Ok(server)
    }

    /// Registers `accounts`, of whom the first `artists` get a published video.
    pub(crate) async fn seed(&self, accounts: usize, artists: usize) -> Result<SeededContest> {
        SeededContest::append(&self.pool, self.log.as_ref(), accounts, artists).await
    }

    /// Seeds a contest and starts a server for it.
    pub(crate) async fn serve_contest(
        &self,
        accounts: usize,
        artists: usize,
    ) -> Result<(Process, SeededContest)> {
        let contest = self.seed(accounts, artists).await?;
        Ok((self.serve().await?, contest))
    }

    /// Waits until the ranking of `server` has `artists` rows.
    pub(crate) async fn ranking_shows(&self, server: &Process, artists: usize) -> Result<()> {
        let mut connection = Connection::open(server.address).await?;
        let started = Instant::now();
        loop {
            let ask = client::get(Uri::from_static("/api/public/rankings?page_size=1"));
            let page = connection.send(ask).await?.expect(StatusCode::OK)?;
            let page: serde_json::Value = serde_json::from_slice(&page)?;
            if page["total"] == artists {
                return Ok(());
            }
            if started.elapsed() > CATCH_UP_TIMEOUT {
                bail!("the ranking shows {} of {artists} artists", page["total"]);
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    async fn caught_up(&self) -> Result<()> {
        let ends: u64 = self.log.end_offsets().await?.iter().sum();
        let started = Instant::now();
        loop {
            let folded = sqlx::query_scalar!(
                r#"select coalesce(sum(next_offset), 0)::bigint as "folded!" from checkpoints"#
            )
            .fetch_one(&self.pool)
            .await?;
            if folded.unsigned_abs() >= ends {
                return Ok(());
            }
            if started.elapsed() > CATCH_UP_TIMEOUT {
                bail!("the projection has folded {folded} of {ends} events");
            }
            sleep(POLL_INTERVAL).await;
        }
    }
}

/// A topic on the shared broker. It does not exist yet.
pub(crate) fn new_topic() -> KafkaSettings {
    let kafka = test_services::kafka();
    KafkaSettings::plaintext(kafka.brokers, kafka.topic, PARTITIONS)
}
