//! What a server needs: a database, a log, storage, a folder. All of them new and empty.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use http::{StatusCode, Uri};
use infra::database;
use infra::event_log::EventLog;
use infra::event_log::kafka::{KafkaLog, KafkaSettings};
use infra::event_log::postgres::PostgresLog;
use sqlx::PgPool;
use tempfile::TempDir;
use test_services::OwnPostgres;
use tokio::process::Command;

use crate::client::{self, Connection};
use crate::process::{self, Process};
use crate::token::SECRET_KEY;

const PARTITIONS: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(60);
/// What a new server does once, it has done by then.
pub(crate) const SETTLING: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(20);

/// Where events are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    Kafka,
    Postgres,
}

/// Where videos are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    Folder,
    S3,
}

pub(crate) struct World {
    folder: TempDir,
    pub(crate) pool: PgPool,
    pub(crate) log: Arc<dyn EventLog>,
    settings: Vec<(&'static str, String)>,
}

impl World {
    pub(crate) async fn new(postgres: &OwnPostgres, log: Log, storage: Storage) -> Result<Self> {
        let database_url = postgres.database_url().await?;
        let pool = database::connect(&database_url, 4).await?;
        let mut settings = vec![
            ("DATABASE_URL", database_url),
            ("SECRET_KEY", SECRET_KEY.to_owned()),
            ("LOG_PARTITIONS", PARTITIONS.to_string()),
        ];
        let log: Arc<dyn EventLog> = match log {
            Log::Postgres => Arc::new(PostgresLog::open(pool.clone(), PARTITIONS).await?),
            Log::Kafka => {
                let kafka = new_topic();
                settings.extend([
                    ("EVENT_LOG", "kafka".to_owned()),
                    ("KAFKA_BROKERS", kafka.brokers.clone()),
                    ("KAFKA_TOPIC", kafka.topic.clone()),
                ]);
                Arc::new(KafkaLog::open(kafka).await?)
            }
        };
        if storage == Storage::S3 {
            settings.extend(new_bucket().await);
        }
        let folder = tempfile::Builder::new().prefix("anb-bench-").tempdir()?;
        Ok(Self { folder, pool, log, settings })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `anb` with the settings of this world.
    pub(crate) fn anb(&self, arguments: &[&str]) -> Result<Command> {
        let mut anb = process::command(&process::sibling("anb")?);
        anb.args(arguments)
            .current_dir(self.folder())
            .env("DATA_DIR", self.folder().join("data"))
            .envs(self.settings.iter().map(|(name, value)| (*name, value.as_str())));
        Ok(anb)
    }

    /// Starts `anb serve` with all roles, and waits until it has folded all that the log has.
    pub(crate) async fn serve(&self) -> Result<Process> {
        let mut anb = self.anb(&["serve"])?;
        let port = process::free_port()?;
        anb.env("HTTP_ADDR", format!("127.0.0.1:{port}"));
        let server = Process::start(anb, port, &self.folder().join("anb.log")).await?;
        self.caught_up().await?;
        Ok(server)
    }

    /// Waits until the boards of a server have so many artists.
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
            if started.elapsed() > PATIENCE {
                bail!("the ranking shows {} of {artists} artists", page["total"]);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn caught_up(&self) -> Result<()> {
        let ends: u64 = self.log.end_offsets().await?.iter().sum();
        let started = Instant::now();
        loop {
            let sql = "select coalesce(sum(next_offset), 0)::bigint from checkpoints";
            let folded: i64 = sqlx::query_scalar(sql).fetch_one(&self.pool).await?;
            if folded.unsigned_abs() >= ends {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                bail!("the projection stands at {folded} of {ends} events");
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// A topic that does not exist yet, on the runner's broker.
pub(crate) fn new_topic() -> KafkaSettings {
    let kafka = test_services::kafka();
    KafkaSettings { brokers: kafka.brokers, topic: kafka.topic, partitions: PARTITIONS }
}

/// An empty bucket on the runner's server.
async fn new_bucket() -> [(&'static str, String); 6] {
    let s3 = test_services::s3().await;
    [
        ("STORAGE_BACKEND", "s3".to_owned()),
        ("AWS_S3_BUCKET_NAME", s3.bucket),
        ("AWS_ENDPOINT_URL", s3.endpoint),
        ("AWS_REGION", s3.region),
        ("AWS_ACCESS_KEY_ID", s3.access_key),
        ("AWS_SECRET_ACCESS_KEY", s3.secret_key),
    ]
}
