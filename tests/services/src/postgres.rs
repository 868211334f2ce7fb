//! PostgreSQL: one cluster per run, one database per test.

use std::path::Path;

use infra::database;
use infra::private_postgres::{PrivatePostgres, PrivatePostgresError, Purpose};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool};
use tempfile::TempDir;
use uuid::Uuid;

use crate::java::free_port;
use crate::{from_runner, variables};

/// The migrated database that every test's database is a copy of.
const TEMPLATE: &str = "anb_template";
const POOL_SIZE: u32 = 10;

/// A fresh, migrated database on the shared cluster.
///
/// # Panics
/// If there is no shared cluster.
#[expect(clippy::expect_used, reason = "a test without its service must fail")]
pub async fn database() -> PgPool {
    let url = database_url().await;
    PgPoolOptions::new()
        .max_connections(POOL_SIZE)
        .connect(&url)
        .await
        .expect("the fresh database accepts connections")
}

/// URL of a fresh, migrated database on the shared cluster.
///
/// # Panics
/// If there is no shared cluster.
pub async fn database_url() -> String {
    database_on(&from_runner(variables::DATABASE_URL)).await
}

/// URL of a fresh, migrated database on the cluster at `url`, which has the template.
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

/// Makes the template on a new cluster.
///
/// # Errors
/// If it cannot be made or migrated.
pub async fn make_template(url: &str) -> anyhow::Result<()> {
    let options: PgConnectOptions = url.parse()?;
    let mut admin = PgConnection::connect_with(&options).await?;
    sqlx::query(AssertSqlSafe(format!("create database {TEMPLATE}"))).execute(&mut admin).await?;
    let mut template = options.to_url_lossy();
    template.set_path(TEMPLATE);
    let pool = database::connect(template.as_str(), 1).await?;
    database::migrate(&pool).await?;
    pool.close().await;
    Ok(())
}

/// A cluster that its owner may kill, freeze and restart. Port and data stay; what it has promised
/// to keep survives, as on a real machine.
pub struct OwnPostgres {
    folder: TempDir,
    server: Option<PrivatePostgres>,
    port: u16,
}

impl OwnPostgres {
    /// Starts a cluster.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn start() -> anyhow::Result<Self> {
        let (folder, port) = (scratch()?, free_port()?);
        let server = PrivatePostgres::start_on(&home(&folder), Purpose::Durable, port).await?;
        Ok(Self { folder, port, server: Some(server) })
    }

    /// URL of a fresh, migrated database.
    ///
    /// # Errors
    /// If it cannot be made.
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
            // Its children notice that it is gone and end, too.
            signal(postmaster, Signal::KILL);
        }
    }

    /// Freezes every process of the server: nobody is answered, no statement goes on.
    pub fn freeze(&self) {
        // The postmaster first, so that it starts no more of them.
        self.signal_all(Signal::STOP);
    }

    /// Lets a frozen server go on.
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

    /// Starts the server again, on the same port and data, killing it first if it runs.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn restart(&mut self) -> Result<(), PrivatePostgresError> {
        self.kill();
        let home = home(&self.folder);
        let server = PrivatePostgres::start_on(&home, Purpose::Durable, self.port).await?;
        self.server = Some(server);
        Ok(())
    }
}

impl Drop for OwnPostgres {
    /// Who is frozen does not hear that it is to end.
    fn drop(&mut self) {
        self.thaw();
    }
}

fn postmaster(server: &PrivatePostgres) -> Option<Pid> {
    Pid::from_raw(i32::try_from(server.pid()).ok()?)
}

/// The processes that a process has started: each session of a server has one.
fn children(parent: Pid) -> Vec<Pid> {
    let list = format!("/proc/{parent}/task/{parent}/children");
    let list = std::fs::read_to_string(list).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

fn signal(process: Pid, what: Signal) {
    // It may end at any moment.
    let _ = kill_process(process, what);
}

/// A folder that the server's user can reach.
///
/// # Errors
/// If it cannot be made.
pub fn scratch() -> Result<TempDir, PrivatePostgresError> {
    use std::os::unix::fs::PermissionsExt;
    let problem = |source| PrivatePostgresError::Folder { path: std::env::temp_dir(), source };
    let folder = tempfile::Builder::new().prefix("anb-postgres-").tempdir().map_err(problem)?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711))
        .map_err(problem)?;
    Ok(folder)
}

/// Where in a scratch folder the cluster lies.
pub fn home(folder: &TempDir) -> std::path::PathBuf {
    Path::new(folder.path()).join("postgres")
}
