//! PostgreSQL: one cluster per run, one database per test.

mod fail_over;

use std::path::Path;
use std::time::Duration;

use infra::database::{self, Pool};
use infra::private_postgres::{PrivatePostgres, PrivatePostgresError, Purpose};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tempfile::TempDir;
use uuid::Uuid;

use crate::java::free_port;
use crate::variables::{self, from_runner};

/// The migrated database that each test database copies.
const TEMPLATE: &str = "anb_template";
const POOL_SIZE: u32 = 10;
/// Tests fill tables and lock rows for longer than a process may wait.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// A pool on a new, migrated database of the shared cluster.
///
/// # Panics
/// If the runner has started no cluster.
#[expect(clippy::expect_used, reason = "a test without its service must fail")]
pub async fn database() -> Pool {
    let url = database_url().await;
    let pool = database::connect(&url, POOL_SIZE).await;
    pool.expect("the fresh database accepts connections").with_statement_timeout(STATEMENT_TIMEOUT)
}

/// URL of a new, migrated database of the shared cluster.
///
/// # Panics
/// If the runner has started no cluster.
pub async fn database_url() -> String {
    database_on(&from_runner(variables::DATABASE_URL)).await
}

/// URL of a new copy of the template on the cluster at `url`.
#[expect(clippy::expect_used, reason = "a test without its service must fail")]
async fn database_on(url: &str) -> String {
    let options: PgConnectOptions = url.parse().expect("a Postgres URL");
    let mut admin = PgConnection::connect_with(&options).await.expect("a Postgres cluster");
    let name = format!("t_{}", Uuid::new_v4().simple());
    sqlx::query(AssertSqlSafe(format!("create database {name} template {TEMPLATE}")))
        .execute(&mut admin)
        .await
        .expect("a fresh database");
    let mut url = options.to_url_lossy();
    url.set_path(&name);
    url.into()
}

/// Creates the template on a new cluster. Returns its URL.
///
/// # Errors
/// If it cannot be created or migrated.
pub async fn make_template(url: &str) -> anyhow::Result<String> {
    let options: PgConnectOptions = url.parse()?;
    let mut admin = PgConnection::connect_with(&options).await?;
    sqlx::query(AssertSqlSafe(format!("create database {TEMPLATE}"))).execute(&mut admin).await?;
    let mut template = options.to_url_lossy();
    template.set_path(TEMPLATE);
    let pool = database::connect(template.as_str(), 1).await?;
    database::migrate(&pool).await?;
    pool.close().await;
    Ok(template.into())
}

/// A cluster of one test, which may kill, freeze and restart it. Port and committed data survive a
/// restart.
pub struct OwnPostgres {
    folder: TempDir,
    server: Option<PrivatePostgres>,
    port: u16,
}

impl OwnPostgres {
    /// Starts a cluster.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn start() -> anyhow::Result<Self> {
        let (folder, port) = (scratch()?, free_port()?);
        let server = PrivatePostgres::start_on(&home(&folder), Purpose::Durable, port).await?;
        Ok(Self { folder, port, server: Some(server) })
    }

    /// URL of a new, migrated database.
    ///
    /// # Errors
    /// If it cannot be created.
    pub async fn database_url(&self) -> anyhow::Result<String> {
        let Some(server) = &self.server else { anyhow::bail!("the server is down") };
        let exists: bool = {
            let mut admin = PgConnection::connect(&server.url()).await?;
            sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
                .bind(TEMPLATE)
                .fetch_one(&mut admin)
                .await?
        };
        if !exists {
            make_template(&server.url()).await?;
        }
        Ok(database_on(&server.url()).await)
    }

    /// Kills every process of the server, as a power cut would.
    pub fn kill(&mut self) {
        self.thaw();
        let server = self.server.take();
        if let Some(postmaster) = server.as_ref().and_then(postmaster) {
            // Its children end when they notice.
            signal(postmaster, Signal::KILL);
        }
    }

    /// Freezes every process of the server: its connections stay open, but nothing answers.
    pub fn freeze(&self) {
        // The postmaster first, so that it forks no more processes.
        self.signal_all(Signal::STOP);
    }

    /// Continues a frozen server.
    pub fn thaw(&self) {
        self.signal_all(Signal::CONT);
    }

    fn signal_all(&self, what: Signal) {
        let Some(postmaster) = self.server.as_ref().and_then(postmaster) else { return };
        signal(postmaster, what);
        for child in children(postmaster) {
            signal(child, what);
        }
    }

    /// Kills the server and starts it again on the same port and data.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn restart(&mut self) -> Result<(), PrivatePostgresError> {
        self.kill();
        let home = home(&self.folder);
        let server = PrivatePostgres::start_on(&home, Purpose::Durable, self.port).await?;
        self.server = Some(server);
        Ok(())
    }
}

impl Drop for OwnPostgres {
    /// A frozen process handles no signal to end.
    fn drop(&mut self) {
        self.thaw();
    }
}

fn postmaster(server: &PrivatePostgres) -> Option<Pid> {
    Pid::from_raw(i32::try_from(server.pid()).ok()?)
}

/// The child processes: one per session, and the background workers.
fn children(parent: Pid) -> Vec<Pid> {
    let list = format!("/proc/{parent}/task/{parent}/children");
    let list = std::fs::read_to_string(list).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

fn signal(process: Pid, what: Signal) {
    // The process may have ended already.
    let _ = kill_process(process, what);
}

/// A temporary folder that the server's user can read.
///
/// # Errors
/// If it cannot be created.
pub fn scratch() -> Result<TempDir, PrivatePostgresError> {
    use std::os::unix::fs::PermissionsExt;
    let problem = |source| PrivatePostgresError::Folder { path: std::env::temp_dir(), source };
    let folder = tempfile::Builder::new().prefix("anb-postgres-").tempdir().map_err(problem)?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711))
        .map_err(problem)?;
    Ok(folder)
}

/// The cluster's folder in a scratch folder.
pub fn home(folder: &TempDir) -> std::path::PathBuf {
    Path::new(folder.path()).join("postgres")
}
