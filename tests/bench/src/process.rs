//! A contender: a process that answers HTTP.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http::{StatusCode, Uri};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::client::{self, Connection};

const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// A program with an environment of its own, that dies with us.
pub(crate) fn command(program: &Path) -> Command {
    dying_of("KILL", program)
}

/// One that sees to its own children first, as long as it is asked to end.
pub(crate) fn parent_command(program: &Path) -> Command {
    dying_of("TERM", program)
}

fn dying_of(signal: &str, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", signal, "--"])
        .arg(program)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// A program that was built together with this one.
pub(crate) fn sibling(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.is_file() {
        bail!("{} does not exist: run this through `make bench`", path.display());
    }
    Ok(path)
}

/// A port that nobody uses right now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A running contender. It is killed when this is dropped; one with children is asked to end.
pub(crate) struct Process {
    child: Child,
    has_children: bool,
    pub(crate) address: SocketAddr,
}

impl Drop for Process {
    fn drop(&mut self) {
        let pid = self.pid().ok().and_then(Pid::from_raw).filter(|_| self.has_children);
        // If it has ended already, so much the better.
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
    }
}

impl Process {
    /// Runs a command that listens on `port`, and waits until it is ready. What it prints goes to
    /// `log`.
    pub(crate) async fn start(command: Command, port: u16, log: &Path) -> Result<Self> {
        Self::spawn(command, port, log, false).await
    }

    /// Runs one that starts children.
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
                bail!("a contender ended ({status}): {}", last_words(log));
            }
            if started.elapsed() > PATIENCE {
                bail!("a contender does not become ready: {}", last_words(log));
            }
            tokio::time::sleep(POLL).await;
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

    /// Lets it finish what is under way, for a while.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = Pid::from_raw(self.pid()?).context("no process")?;
        kill_process(pid, Signal::TERM)?;
        // If it takes longer, dropping it kills it.
        let _ = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        Ok(())
    }
}

fn last_words(log: &Path) -> String {
    let log = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(3)..].join(" | ")
}
