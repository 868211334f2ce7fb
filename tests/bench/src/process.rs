//! A contender: a process that answers HTTP requests.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http::{StatusCode, Uri};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::client::{self, Connection};

/// Bounds the start and the stop of a contender.
const PROCESS_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A program with an empty environment. The kernel kills it when this process ends.
pub(crate) fn command(program: &Path) -> Command {
    with_parent_death_signal("KILL", program)
}

/// As [`command`], for a program with children: SIGTERM lets it stop them.
pub(crate) fn parent_command(program: &Path) -> Command {
    with_parent_death_signal("TERM", program)
}

fn with_parent_death_signal(signal: &str, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", signal, "--"])
        .arg(program)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// A program from the same build as this one.
pub(crate) fn sibling(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.is_file() {
        bail!("{} does not exist: run this through `make bench`", path.display());
    }
    Ok(path)
}

/// A running contender. Dropping it kills the process, or sends SIGTERM if it has children.
pub(crate) struct Process {
    child: Child,
    has_children: bool,
    pub(crate) address: SocketAddr,
}

impl Drop for Process {
    fn drop(&mut self) {
        let pid = self.pid().ok().and_then(Pid::from_raw).filter(|_| self.has_children);
        // The process may have ended already.
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
    }
}

impl Process {
    /// Runs a command that listens on `port`, and waits until `/ready` answers 200. Its output goes to
    /// `log`.
    pub(crate) async fn start(command: Command, port: u16, log: &Path) -> Result<Self> {
        Self::spawn(command, port, log, false).await
    }

    /// As [`Self::start`], for a command with children.
    pub(crate) async fn start_parent(command: Command, port: u16, log: &Path) -> Result<Self> {
        Self::spawn(command, port, log, true).await
    }

    async fn spawn(
        mut command: Command,
        port: u16,
        log: &Path,
        has_children: bool,
    ) -> Result<Self> {
        let output = File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(!has_children)
            .spawn()
            .context("`setpriv` (util-linux) cannot be run")?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut process = Self { child, has_children, address };
        process.wait_until_ready(log).await?;
        Ok(process)
    }

    async fn wait_until_ready(&mut self, log: &Path) -> Result<()> {
        let started = Instant::now();
        while !self.is_ready().await {
            if let Some(status) = self.child.try_wait()? {
                bail!("a contender ended ({status}): {}", log_tail(log));
            }
            if started.elapsed() > PROCESS_TIMEOUT {
                bail!("a contender does not become ready: {}", log_tail(log));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut connection) = Connection::open(self.address).await else { return false };
        let answer = connection.send(client::get(Uri::from_static("/ready"))).await;
        answer.is_ok_and(|answer| answer.status == StatusCode::OK)
    }

    pub(crate) fn pid(&self) -> Result<i32> {
        let pid = self.child.id().context("the process has ended")?;
        Ok(i32::try_from(pid)?)
    }

    /// Sends SIGTERM and waits until the process ends.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = Pid::from_raw(self.pid()?).context("no process")?;
        kill_process(pid, Signal::TERM)?;
        // After the timeout, the drop kills the process.
        let _ = tokio::time::timeout(PROCESS_TIMEOUT, self.child.wait()).await;
        Ok(())
    }
}

fn log_tail(log: &Path) -> String {
    let log = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(3)..].join(" | ")
}
