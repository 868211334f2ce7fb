//! A PostgreSQL of our own: made, started, mended and stopped by us, for `anb dev` and for tests.
//!
//! The cluster lies in `<home>/data`. It listens on 127.0.0.1 only, on a free port, and wants the
//! password in `<home>/password`. PostgreSQL refuses to run as root, so a root process runs it as
//! another user.

mod account;
mod binaries;
mod leftover;

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};

use account::RunAs;
use binaries::Binaries;

const SUPERUSER: &str = "anb";
const DATABASE: &str = "postgres";
const START_PATIENCE: Duration = Duration::from_secs(60);
const STOP_PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
const START_TRIES: usize = 3;

/// What the cluster is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Data that is to last.
    Lasting,
    /// A test run: fast, many connections, nothing survives a crash of the machine.
    Throwaway,
}

/// A PostgreSQL server that runs as our child.
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

/// Why there is no private PostgreSQL; one line for a person.
#[derive(Debug, thiserror::Error)]
pub enum PrivatePostgresError {
    /// No server binaries.
    #[error(
        "PostgreSQL is not installed: no `initdb` in PG_BIN, /usr/lib/postgresql/*/bin or PATH"
    )]
    NotInstalled,
    /// The folder cannot be made or used.
    #[error("the data folder {path} cannot be used: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `initdb` or `postgres` did not do its work.
    #[error("{program} failed: {output}")]
    Failed {
        /// The program.
        program: &'static str,
        /// What it printed, or how it ended.
        output: String,
    },
}

impl PrivatePostgres {
    /// Starts the cluster in `home`, making it first if need be. What an earlier process has left
    /// (a server still running, a stale pid file, a half-made cluster) is put in order.
    ///
    /// The server stops when the thread that calls this ends: call it on a thread that lasts.
    ///
    /// # Errors
    /// [`PrivatePostgresError`]
    pub async fn start(home: &Path, purpose: Purpose) -> Result<Self, PrivatePostgresError> {
        for _ in 1..START_TRIES {
            let port = free_port().map_err(folder(home))?;
            match Self::start_on(home, purpose, port).await {
                Ok(postgres) => return Ok(postgres),
                // Somebody may have taken the port that was free a moment ago.
                Err(error) => tracing::debug!(%error, "PostgreSQL did not start, trying again"),
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

    /// The URL of a server that is running in `home` on behalf of another process, if there is one.
    pub fn running_in(home: &Path) -> Option<String> {
        let home = account::resolved(home);
        let (_, port) = leftover::running_server(&home.join("data"))?;
        let password = fs::read_to_string(home.join("password")).ok()?;
        Some(url(&Address { port, password }, DATABASE))
    }

    /// Whether a cluster was ever made in `home`.
    pub fn exists_in(home: &Path) -> bool {
        account::resolved(home).join("data/PG_VERSION").exists()
    }

    /// How to connect.
    pub fn url(&self) -> String {
        url(&self.address, DATABASE)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port
    }

    /// The server's process, for tests that want to hurt it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where the cluster really lies.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Stops the server: open transactions are rolled back, data is flushed.
    ///
    /// # Errors
    /// [`PrivatePostgresError::Failed`] if it does not stop in time; it is killed then.
    pub async fn stop(mut self) -> Result<(), PrivatePostgresError> {
        self.signal(Signal::INT);
        let started = Instant::now();
        while started.elapsed() < STOP_PATIENCE {
            if let Ok(Some(_)) = self.child.try_wait() {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
        self.signal(Signal::QUIT);
        Err(PrivatePostgresError::Failed {
            program: "postgres",
            output: format!("it did not stop within {} s", STOP_PATIENCE.as_secs()),
        })
    }

    fn signal(&self, signal: Signal) {
        let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else { return };
        // It may be gone already, which is what we want.
        let _ = kill_process(pid, signal);
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.signal(Signal::QUIT);
            // It has no choice about SIGQUIT, so this does not take long; a zombie would linger.
            let _ = self.child.wait();
        }
    }
}

fn url(address: &Address, database: &str) -> String {
    let Address { port, password } = address;
    format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/{database}")
}

fn folder(path: &Path) -> impl Fn(io::Error) -> PrivatePostgresError {
    let path = path.to_owned();
    move |source| PrivatePostgresError::Folder { path: path.clone(), source }
}

/// Makes a cluster beside its final place and moves it there when it is whole.
fn initialise(
    home: &Path,
    binaries: &Binaries,
    run_as: &RunAs,
) -> Result<(), PrivatePostgresError> {
    let half_made = home.join("data.new");
    if half_made.exists() {
        fs::remove_dir_all(&half_made).map_err(folder(&half_made))?;
    }
    let password = new_password();
    write_secret(&home.join("password"), &password).map_err(folder(home))?;
    run_as.own(&home.join("password")).map_err(folder(home))?;
    let output = run_as
        .command(&binaries.initdb)
        .current_dir(home)
        .arg("-D")
        .arg(&half_made)
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
    fs::rename(&half_made, home.join("data")).map_err(folder(home))
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
    let mut command = run_as.command_that_dies_with_us(&binaries.postgres);
    command.current_dir(home).arg("-D").arg(home.join("data"));
    for setting in settings(address.port, purpose) {
        command.arg("-c").arg(setting);
    }
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        // A Ctrl-C in the terminal is for us: we stop the server when everything else has stopped.
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
                    // Its goodbye may be lost; the server is up all the same.
                    let _ = connection.close().await;
                    return Ok(());
                }
                Err(error) if started.elapsed() > START_PATIENCE => {
                    return Err(failed(format!("it does not answer: {error}")));
                }
                Err(_) => tokio::time::sleep(POLL).await,
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
    if purpose == Purpose::Throwaway {
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

/// A program as it is run: found, and perhaps as somebody else.
fn plain(program: &Path) -> Command {
    Command::new(program)
}
