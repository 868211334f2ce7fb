//! The database and the event log of a process, opened as the settings say.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use infra::config::{DatabaseArgs, DatabaseSettings, EventLogArgs, EventLogSettings};
use infra::database::{self, Pool};
use infra::event_log::EventLog;
use infra::event_log::kafka::KafkaLog;
use infra::event_log::postgres::PostgresLog;
use infra::event_log::read_only::ReadOnlyLog;
use infra::private_postgres::{PrivatePostgres, Purpose};

use crate::data_dir::DataDirLock;
use crate::settings::Settings;

/// Pool size of one process. The projector and the listeners open further connections.
const POOL_SIZE: u32 = 20;
/// How long this process waits until another process has started the shared private database.
const JOIN_TIMEOUT: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A connected database.
pub(crate) struct Database {
    pub(crate) pool: Pool,
    private: Option<PrivateServer>,
}

/// A private server that this process started and will stop.
struct PrivateServer {
    server: PrivatePostgres,
    _lock: DataDirLock,
}

/// Flags of a command that needs the database and the event log.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BackingServicesArgs {
    #[command(flatten)]
    database: DatabaseArgs,

    #[command(flatten)]
    pub(crate) event_log: EventLogArgs,
}

impl BackingServicesArgs {
    /// Opens the services, runs `task`, and closes them after success or failure.
    pub(crate) async fn run<T>(
        &self,
        task: impl AsyncFnOnce(&BackingServices) -> Result<T>,
    ) -> Result<T> {
        let (database, event_log) = (self.database.parse()?, self.event_log.parse()?);
        let services = BackingServices::open(&database, &event_log).await?;
        let result = task(&services).await;
        services.close().await;
        result
    }
}

/// The database and the event log.
pub(crate) struct BackingServices {
    database: Database,
    pub(crate) log: Arc<dyn EventLog>,
}

impl Database {
    /// Connects. Starts the private database if it exists but does not run; only `anb dev` creates one.
    pub(crate) async fn open(settings: &DatabaseSettings) -> Result<Self> {
        match settings {
            DatabaseSettings::Url(url) => {
                let pool = database::connect(url.expose(), POOL_SIZE).await?;
                Ok(Self { pool, private: None })
            }
            DatabaseSettings::Private { data_dir } => Self::open_private(data_dir).await,
        }
    }

    async fn open_private(data_dir: &Path) -> Result<Self> {
        if !PrivatePostgres::exists_in(&home(data_dir)) {
            bail!(
                "DATABASE_URL is not set, and {} has no private database (`anb dev` creates one)",
                data_dir.display()
            );
        }
        match DataDirLock::try_take(data_dir)? {
            Some(lock) => Self::start_private(data_dir, lock).await,
            None => Self::join_private(data_dir).await,
        }
    }

    /// Starts the private server of a folder that this process has locked.
    async fn start_private(data_dir: &Path, lock: DataDirLock) -> Result<Self> {
        let server = PrivatePostgres::start(&home(data_dir), Purpose::Durable).await?;
        let pool = database::connect(&server.url(), POOL_SIZE).await?;
        Ok(Self { pool, private: Some(PrivateServer { server, _lock: lock }) })
    }

    /// Connects to the private server that another process runs or is starting.
    async fn join_private(data_dir: &Path) -> Result<Self> {
        let started = Instant::now();
        loop {
            if let Some(url) = PrivatePostgres::running_in(&home(data_dir)) {
                match database::connect(&url, POOL_SIZE).await {
                    Ok(pool) => return Ok(Self { pool, private: None }),
                    Err(error) if started.elapsed() > JOIN_TIMEOUT => return Err(error.into()),
                    Err(_) => {}
                }
            }
            if started.elapsed() > JOIN_TIMEOUT {
                bail!("another anb is using {}, but its database does not run", data_dir.display());
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Closes the pool, and stops the server if this process started it.
    pub(crate) async fn close(self) {
        self.pool.close().await;
        let Some(private) = self.private else { return };
        if let Err(error) = private.server.stop().await {
            tracing::warn!(%error, "the private database did not stop cleanly");
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

    /// As [`Self::open`], and migrates the schema first.
    pub(crate) async fn open_migrated(
        database: &DatabaseSettings,
        event_log: &EventLogSettings,
    ) -> Result<Self> {
        Self::migrated(Database::open(database).await?, event_log).await
    }

    /// Starts the private database of a locked folder, creating it if it does not exist.
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

    /// These services with a log that rejects every append.
    pub(crate) fn read_only(self) -> Self {
        Self { log: Arc::new(ReadOnlyLog(self.log)), ..self }
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.database.pool
    }

    /// A description of the database for the operator.
    pub(crate) fn describe_database(&self) -> String {
        match &self.database.private {
            Some(PrivateServer { server, .. }) => {
                format!("private PostgreSQL in {}, port {}", server.home().display(), server.port())
            }
            None => "PostgreSQL at DATABASE_URL".to_owned(),
        }
    }

    /// Closes the log and the database.
    pub(crate) async fn close(self) {
        drop(self.log);
        self.database.close().await;
    }
}

/// Opens the log that the settings name.
pub(crate) async fn open_log(
    pool: &Pool,
    settings: &EventLogSettings,
) -> Result<Arc<dyn EventLog>> {
    Ok(match settings {
        EventLogSettings::Postgres { partitions } => {
            Arc::new(PostgresLog::open(pool.clone(), *partitions).await?)
        }
        EventLogSettings::Kafka(kafka) => Arc::new(KafkaLog::open(*kafka.clone()).await?),
    })
}

/// The folder of the private cluster.
fn home(data_dir: &Path) -> PathBuf {
    data_dir.join("postgres")
}
