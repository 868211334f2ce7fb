//! A Java service as our child.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

const START_PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(25);

/// A running process that is killed when this is dropped, or when its owner dies.
pub struct Service {
    child: Child,
}

impl Service {
    /// Runs `java` with `arguments`; what it prints goes to `log`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn java(arguments: &[String], log: &Path) -> anyhow::Result<Self> {
        let output = File::create(log)?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "java"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("`java` (17 or later) is needed to run the services for the tests")?;
        Ok(Self { child })
    }

    /// Waits until `port` answers.
    ///
    /// # Errors
    /// If the process ends, or does not answer in time.
    pub fn wait_for_port(&mut self, port: u16, log: &Path) -> anyhow::Result<()> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                let log = std::fs::read_to_string(log).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(5).collect();
                bail!("the service ended ({status}): {}", tail.join(" | "));
            }
            if started.elapsed() > START_PATIENCE {
                bail!("the service does not answer on port {port}");
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, signal);
        }
    }

    /// Lets the process write no file beyond so many bytes; `None` takes the limit away. What it
    /// writes beyond fails in the middle, as on a full disk.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if pid.is_some() {
            let _ = prlimit(pid, Resource::Fsize, Rlimit { current: bytes, maximum: None });
        }
    }

    /// Kills the process and waits until it is gone.
    pub fn kill(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Below the ports that Linux gives to outgoing connections: one of those could take the port of a
/// service that is about to come back.
const PORTS: std::ops::Range<u16> = 15_000..32_000;
const TRIES: usize = 100;

/// A port that nobody uses right now, nor will soon.
///
/// # Errors
/// If there is none.
pub fn free_port() -> anyhow::Result<u16> {
    let candidates = (0..TRIES).map(|_| rand::random_range(PORTS));
    let mut free = candidates.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().context("no port is free")
}
