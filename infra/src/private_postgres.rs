//! A private PostgreSQL server, for `anb dev` and for tests.
//!
//! The cluster is in `<home>/data`. The server listens on a free port of 127.0.0.1 and requires the
//! password in `<home>/password`. PostgreSQL refuses to run as root, so a root process starts it as
//! another user.
//!
//! Kept, not `postgresql_embedded`: that crate downloads its own server. It neither stops the server when
//! the parent dies, nor cleans up after a crash, nor starts as another user.

mod account;
mod binaries;
mod error;
mod leftover;

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};

use account::RunAs;
use binaries::Binaries;
use error::folder;
use leftover::{POLL_INTERVAL, STOP_TIMEOUT};

pub use error::PrivatePostgresError;

const SUPERUSER: &str = "anb";
const DATABASE: &str = "postgres";
const START_TIMEOUT: Duration = Duration::from_secs(60);
const START_ATTEMPTS: usize = 3;

/// What the cluster is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Data that must survive a crash of the machine.
    Durable,
    /// A test run: fast, with many connections; a crash of the machine may lose the data.
    Disposable,
}

/// A PostgreSQL server that runs as a child process.
#[derive(Debug)]
pub struct PrivatePostgres {
    child: Child,
    home: PathBuf,
    address: Address,
}

#[derive(Clone, Debug)]
struct Address {
    port: u16,
    password: String,
}

impl PrivatePostgres {
    /// Starts the cluster in `home`, after creating it if it does not exist. Cleans up what an earlier
    /// process left: a running server, a stale pid file, an incomplete cluster.
    ///
    /// The server stops when the calling thread ends, because the kernel ties it to that thread.
    ///
    /// # Errors
    /// [`PrivatePostgresError`]
    pub async fn start(home: &Path, purpose: Purpose) -> Result<Self, PrivatePostgresError> {
        for _ in 1..START_ATTEMPTS {
            let port = free_port().map_err(folder(home))?;
            match Self::start_on(home, purpose, port).await {
                Ok(postgres) => return Ok(postgres),
                // Another process may have taken the port meanwhile.
                Err(error) => {
                    tracing::debug!(%error, "PostgreSQL did not start and is started again")
                }
            }
        }
        let port = free_port().map_err(folder(home))?;
        Self::start_on(home, purpose, port).await
    }

    /// [`Self::start`] on a given port.
    ///
    /// # Errors
    /// [`PrivatePostgresError`]
    pub async fn start_on(
        home: &Path,
        purpose: Purpose,
        port: u16,
    ) -> Result<Self, PrivatePostgresError> {
        let binaries = Binaries::find()?;
        let run_as = RunAs::choose()?;
        let home = run_as.reachable_home(home)?;
        let data = home.join("data");
        if !data.join("PG_VERSION").exists() {
            initialise(&home, &binaries, &run_as)?;
        }
        leftover::stop_server(&data).await?;
        let password = fs::read_to_string(home.join("password")).map_err(folder(&home))?;
        launch(&home, &binaries, &run_as, Address { port, password }, purpose).await
    }

    /// The URL of the server that another process runs in `home`, if there is one.
    pub fn running_in(home: &Path) -> Option<String> {
        let home = account::resolved(home);
        let (_, port) = leftover::running_server(&home.join("data"))?;
        let password = fs::read_to_string(home.join("password")).ok()?;
        Some(url(&Address { port, password }, DATABASE))
    }

    /// Whether `home` holds a cluster.
    pub fn exists_in(home: &Path) -> bool {
        account::resolved(home).join("data/PG_VERSION").exists()
    }

    /// The URL of its database, with the password.
    pub fn url(&self) -> String {
        url(&self.address, DATABASE)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.address.port
    }

    /// The process id of the server, for tests that kill or freeze it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder of the cluster, without symbolic links.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Stops the server: open transactions are rolled back, data is flushed.
    ///
    /// # Errors
    /// [`PrivatePostgresError::Failed`] if it does not stop in time. Then it is killed.
    pub async fn stop(mut self) -> Result<(), PrivatePostgresError> {
        self.signal(Signal::INT);
        let started = Instant::now();
        while started.elapsed() < STOP_TIMEOUT {
            if let Ok(Some(_)) = self.child.try_wait() {
                return Ok(());
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        self.signal(Signal::QUIT);
        Err(PrivatePostgresError::Failed {
            program: "postgres",
            output: format!("it did not stop within {} s", STOP_TIMEOUT.as_secs()),
        })
    }

    fn signal(&self, signal: Signal) {
        let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else { return };
        // Fails if it has stopped already.
        let _ = kill_process(pid, signal);
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.signal(Signal::QUIT);
            // SIGQUIT ends it at once. Without this wait a zombie process would remain.
            let _ = self.child.wait();
        }
    }
}

fn url(address: &Address, database: &str) -> String {
    let Address { port, password } = address;
    format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/{database}")
}

/// Creates a cluster in a temporary folder, and renames it when it is complete.
fn initialise(
    home: &Path,
    binaries: &Binaries,
    run_as: &RunAs,
) -> Result<(), PrivatePostgresError> {
    let incomplete = home.join("data.new");
    if incomplete.exists() {
        fs::remove_dir_all(&incomplete).map_err(folder(&incomplete))?;
    }
    let password = new_password();
    write_secret(&home.join("password"), &password).map_err(folder(home))?;
    run_as.own(&home.join("password")).map_err(folder(home))?;
    let output = run_as
        .command(&binaries.initdb)
        .current_dir(home)
        .arg("-D")
        .arg(&incomplete)
        .args(["-U", SUPERUSER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"])
        .args(["--no-instructions", "--pwfile"])
        .arg(home.join("password"))
        .stdin(Stdio::null())
        .output()
        .map_err(folder(home))?;
    if !output.status.success() {
        let output = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        return Err(PrivatePostgresError::Failed { program: "initdb", output });
    }
    fs::rename(&incomplete, home.join("data")).map_err(folder(home))
}

async fn launch(
    home: &Path,
    binaries: &Binaries,
    run_as: &RunAs,
    address: Address,
    purpose: Purpose,
) -> Result<PrivatePostgres, PrivatePostgresError> {
    let log_path = home.join("postgres.log");
    let log = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&log_path)
        .map_err(folder(&log_path))?;
    let mut command = run_as.command_that_dies_with_parent(&binaries.postgres);
    command.current_dir(home).arg("-D").arg(home.join("data"));
    for setting in settings(address.port, purpose) {
        command.arg("-c").arg(setting);
    }
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        // Keeps Ctrl-C in the terminal from the server: this process stops it last.
        .process_group(0)
        .spawn()
        .map_err(folder(home))?;
    let mut postgres = PrivatePostgres { child, home: home.to_owned(), address };
    postgres.wait_until_ready(&log_path).await?;
    Ok(postgres)
}

impl PrivatePostgres {
    async fn wait_until_ready(&mut self, log: &Path) -> Result<(), PrivatePostgresError> {
        let failed = |output: String| PrivatePostgresError::Failed { program: "postgres", output };
        let options: PgConnectOptions =
            self.url().parse().map_err(|error: sqlx::Error| failed(error.to_string()))?;
        let options = options.disable_statement_logging();
        let started = Instant::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                let log = fs::read_to_string(log).unwrap_or_default();
                let last = log.lines().rev().take(3).collect::<Vec<_>>().join("; ");
                return Err(failed(format!("{status}: {last}")));
            }
            match PgConnection::connect_with(&options).await {
                Ok(connection) => {
                    // The server is ready even if this fails.
                    let _ = connection.close().await;
                    return Ok(());
                }
                Err(error) if started.elapsed() > START_TIMEOUT => {
                    return Err(failed(format!("it does not answer: {error}")));
                }
                Err(_) => tokio::time::sleep(POLL_INTERVAL).await,
            }
        }
    }
}

fn settings(port: u16, purpose: Purpose) -> Vec<String> {
    let mut settings = vec![
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        "unix_socket_directories=".to_owned(),
        "shared_buffers=128MB".to_owned(),
        "max_wal_size=1GB".to_owned(),
        "timezone=UTC".to_owned(),
        "log_timezone=UTC".to_owned(),
    ];
    if purpose == Purpose::Disposable {
        let fast = ["fsync=off", "full_page_writes=off", "max_connections=500"];
        settings.extend(fast.map(str::to_owned));
    }
    settings
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// 122 random bits, in hex.
fn new_password() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

fn write_secret(path: &Path, secret: &str) -> io::Result<()> {
    let mut file =
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()
}
