//! What a managed fail-over does to a cluster: read-only phases, a standby, its promotion.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use infra::private_postgres::{PrivatePostgres, Purpose};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::process::Command;

use super::{OwnPostgres, home, scratch};
use crate::java::free_port;

/// Bounds the time until a standby has replayed what its primary has written.
const REPLAY_TIMEOUT: Duration = Duration::from_secs(30);

impl OwnPostgres {
    /// Makes every session read-only from its next transaction on, or ends that.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn set_read_only(&self, read_only: bool) -> anyhow::Result<()> {
        let setting = if read_only { "on" } else { "off" };
        let sql = format!("alter system set default_transaction_read_only = {setting}");
        let mut admin = self.admin().await?;
        sqlx::query(AssertSqlSafe(sql)).execute(&mut admin).await?;
        sqlx::query("select pg_reload_conf()").execute(&mut admin).await?;
        Ok(())
    }

    /// Ends every session but its own, as an administrator would. Returns how many.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn terminate_sessions(&self) -> anyhow::Result<i64> {
        let mut admin = self.admin().await?;
        let ended = sqlx::query_scalar(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity
             where backend_type = 'client backend' and pid <> pg_backend_pid()",
        );
        Ok(ended.fetch_one(&mut admin).await?)
    }

    /// Starts a second server that replicates this one, and that this one waits for.
    ///
    /// # Errors
    /// If the copy fails or does not answer.
    pub async fn standby(&self) -> anyhow::Result<Self> {
        let primary = self.running()?;
        let (folder, port) = (scratch()?, free_port()?);
        let (from, to) = (home(&self.folder), home(&folder));
        std::fs::create_dir_all(&to)?;
        let copied = Command::new(program("pg_basebackup"))
            .arg("--dbname")
            .arg(primary.url())
            .arg("--pgdata")
            .arg(to.join("data"))
            .args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast"])
            .output()
            .await?;
        ensure!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        std::fs::copy(from.join("password"), to.join("password"))?;
        let owner = std::fs::metadata(from.join("data"))?;
        chown(&to, Some(owner.uid()), Some(owner.gid()))?;
        chown(to.join("password"), Some(owner.uid()), Some(owner.gid()))?;
        give_to(&to.join("data"), owner.uid(), owner.gid())?;
        std::fs::set_permissions(to.join("data"), std::fs::Permissions::from_mode(0o700))?;
        let server = PrivatePostgres::start_on(&to, Purpose::Durable, port).await?;
        // From now on a commit that must be durable waits for the standby, so a fail-over loses none.
        let mut admin = self.admin().await?;
        for sql in ["alter system set synchronous_standby_names = '*'", "select pg_reload_conf()"] {
            sqlx::query(sql).execute(&mut admin).await?;
        }
        Ok(Self { folder, port, server: Some(server) })
    }

    /// Waits until this standby has everything that `primary` has written, and makes it a primary.
    ///
    /// # Errors
    /// If it does not become one.
    pub async fn promote_after(&self, primary: &Self) -> anyhow::Result<()> {
        let written: String = {
            let mut admin = primary.admin().await?;
            sqlx::query_scalar("select pg_current_wal_lsn()::text").fetch_one(&mut admin).await?
        };
        let mut admin = self.admin().await?;
        let started = Instant::now();
        loop {
            let replayed: bool =
                sqlx::query_scalar("select pg_last_wal_replay_lsn() >= $1::pg_lsn")
                    .bind(&written)
                    .fetch_one(&mut admin)
                    .await?;
            if replayed {
                break;
            }
            ensure!(started.elapsed() < REPLAY_TIMEOUT, "the standby does not catch up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let promoted: bool =
            sqlx::query_scalar("select pg_promote()").fetch_one(&mut admin).await?;
        ensure!(promoted, "the standby was not promoted");
        // What the primary copied of its own settings must not make the new one read-only.
        self.set_read_only(false).await
    }

    /// The port of the server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// URL of the superuser.
    ///
    /// # Errors
    /// If the server is down.
    pub fn url(&self) -> anyhow::Result<String> {
        Ok(self.running()?.url())
    }

    /// A session of the superuser that may write while others are read-only.
    async fn admin(&self) -> anyhow::Result<PgConnection> {
        let options: PgConnectOptions = self.url()?.parse()?;
        let options = options.options([("default_transaction_read_only", "off")]);
        Ok(PgConnection::connect_with(&options).await?)
    }

    fn running(&self) -> anyhow::Result<&PrivatePostgres> {
        self.server.as_ref().context("the server is down")
    }
}

/// A program of PostgreSQL that is often not on the path.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let installed = versions.map(|version| version.path().join("bin").join(name));
    installed.filter(|path| path.exists()).max().unwrap_or_else(|| name.into())
}

/// Gives a folder and all in it to a user. The copy belongs to the user of this process.
fn give_to(path: &Path, user: u32, group: u32) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            give_to(&entry?.path(), user, group)?;
        }
    }
    chown(path, Some(user), Some(group))
}
