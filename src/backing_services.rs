//! The database and the log, opened as the settings say.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use infra::config::{DatabaseSettings, EventLogSettings};
use infra::database;
use infra::event_log::EventLog;
use infra::event_log::kafka::{KafkaLog, KafkaSettings};
use infra::event_log::postgres::PostgresLog;
use infra::private_postgres::{PrivatePostgres, Purpose};
use sqlx::PgPool;

use crate::data_dir::DataDirLock;
use crate::settings::Settings;

/// Connections of one process. The projector and listeners bring their own.
const CONNECTIONS: u32 = 20;
/// How long another process may take to start the private database that we want to use with it.
const STARTING: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(100);

/// A database that answers.
pub(crate) struct Database {
    pub(crate) pool: PgPool,
    private: Option<Private>,
}

/// A private server that we have started, and therefore stop.
struct Private {
    server: PrivatePostgres,
    _lock: DataDirLock,
}

/// The database and the log.
pub(crate) struct BackingServices {
    database: Database,
    pub(crate) log: Arc<dyn EventLog>,
}

impl Database {
    /// Connects. A private database is started if it does not run; only `anb dev` makes one.
    pub(crate) async fn open(settings: &DatabaseSettings) -> Result<Self> {
        match settings {
            DatabaseSettings::Url(url) => {
                let pool = database::connect(url.expose(), CONNECTIONS).await?;
                Ok(Self { pool, private: None })
            }
            DatabaseSettings::Private { data_dir } => Self::open_private(data_dir).await,
        }
    }

    async fn open_private(data_dir: &Path) -> Result<Self> {
        if !PrivatePostgres::exists_in(&home(data_dir)) {
            bail!(
                "DATABASE_URL is not set, and there is no private database in {} (`anb dev` makes one)",
                data_dir.display()
            );
        }
        match DataDirLock::try_take(data_dir)? {
            Some(lock) => Self::start_private(data_dir, lock).await,
            None => Self::join_private(data_dir).await,
        }
    }

    /// Starts the private server of a folder that is ours.
    async fn start_private(data_dir: &Path, lock: DataDirLock) -> Result<Self> {
        let server = PrivatePostgres::start(&home(data_dir), Purpose::Durable).await?;
        let pool = database::connect(&server.url(), CONNECTIONS).await?;
        Ok(Self { pool, private: Some(Private { server, _lock: lock }) })
    }

    /// Uses the private server that another process runs, or is about to.
    async fn join_private(data_dir: &Path) -> Result<Self> {
        let started = Instant::now();
        loop {
            if let Some(url) = PrivatePostgres::running_in(&home(data_dir)) {
                match database::connect(&url, CONNECTIONS).await {
                    Ok(pool) => return Ok(Self { pool, private: None }),
                    Err(error) if started.elapsed() > STARTING => return Err(error.into()),
                    Err(_) => {}
                }
            }
            if started.elapsed() > STARTING {
                bail!("another anb is using {}, but its database does not run", data_dir.display());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Gives connections back, and stops the server if we have started it.
    pub(crate) async fn close(self) {
        self.pool.close().await;
        let Some(private) = self.private else { return };
        if let Err(error) = private.server.stop().await {
            tracing::warn!(%error, "the private database did not stop well");
        }
    }
}

impl BackingServices {
    /// Opens the database and the log.
    pub(crate) async fn open(
        database: &DatabaseSettings,
        event_log: &EventLogSettings,
    ) -> Result<Self> {
        Self::with(Database::open(database).await?, event_log).await
    }

    /// As [`Self::open`], with a schema that is up to date.
    pub(crate) async fn open_migrated(
        database: &DatabaseSettings,
        event_log: &EventLogSettings,
    ) -> Result<Self> {
        Self::migrated(Database::open(database).await?, event_log).await
    }

    /// Starts the private database of a folder that is ours, making it if need be.
    pub(crate) async fn start_private(lock: DataDirLock, settings: &Settings) -> Result<Self> {
        let database = Database::start_private(&settings.data_dir, lock).await?;
        Self::migrated(database, &settings.event_log).await
    }

    async fn migrated(database: Database, event_log: &EventLogSettings) -> Result<Self> {
        match database::migrate(&database.pool).await {
            Ok(()) => Self::with(database, event_log).await,
            Err(error) => {
                database.close().await;
                Err(error.into())
            }
        }
    }

    async fn with(database: Database, event_log: &EventLogSettings) -> Result<Self> {
        match open_log(&database.pool, event_log).await {
            Ok(log) => Ok(Self { database, log }),
            Err(error) => {
                database.close().await;
                Err(error)
            }
        }
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.database.pool
    }

    /// Where the database is, for people.
    pub(crate) fn database_place(&self) -> String {
        match &self.database.private {
            Some(Private { server, .. }) => {
                format!(
                    "PostgreSQL of our own, in {}, port {}",
                    server.home().display(),
                    server.port()
                )
            }
            None => "PostgreSQL at DATABASE_URL".to_owned(),
        }
    }

    /// Lets go of everything, and stops what we have started.
    pub(crate) async fn close(self) {
        drop(self.log);
        self.database.close().await;
    }
}

async fn open_log(pool: &PgPool, settings: &EventLogSettings) -> Result<Arc<dyn EventLog>> {
    Ok(match settings {
        EventLogSettings::Postgres { partitions } => {
            Arc::new(PostgresLog::open(pool.clone(), *partitions).await?)
        }
        EventLogSettings::Kafka { brokers, topic, partitions } => {
            let (brokers, topic) = (brokers.clone(), topic.clone());
            let settings = KafkaSettings { brokers, topic, partitions: *partitions };
            Arc::new(KafkaLog::open(settings).await?)
        }
    })
}

/// Where the private cluster lives.
fn home(data_dir: &Path) -> PathBuf {
    data_dir.join("postgres")
}
