//! A Java service that this process starts and stops.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;

use crate::jars;

pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// A Java service with a folder and a port of its own, which outlive its process.
pub(crate) struct JavaService {
    /// Its name in `pom.xml`.
    name: &'static str,
    folder: TempDir,
    port: u16,
    process: Option<Process>,
}

/// A running process. It is killed when this is dropped, or when its parent ends.
struct Process(Child);

impl JavaService {
    /// Makes an empty folder. Nothing runs yet.
    pub(crate) fn new(name: &'static str, port: u16) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix(&format!("anb-{name}-")).tempdir()?;
        Ok(Self { name, folder, port, process: None })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A path in the service's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Kills the process, starts it again, and waits until its port accepts connections.
    ///
    /// # Errors
    /// If Java is missing, the process ends, or the port does not open in time.
    pub(crate) fn restart(&mut self, arguments: &[String]) -> anyhow::Result<()> {
        self.kill();
        let log = File::create(self.path("log"))?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "java", "-cp", &jars::class_path(self.name)?])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("`java` (17 or later) is needed to run the services for the tests")?;
        self.process = Some(Process(child));
        self.wait_for_port()
    }

    fn wait_for_port(&mut self) -> anyhow::Result<()> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            let status = self.process.as_mut().map(|process| process.0.try_wait()).transpose()?;
            if let Some(status) = status.flatten() {
                let log = fs::read_to_string(self.path("log")).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(5).collect();
                bail!("{} ended ({status}): {}", self.name, tail.join(" | "));
            }
            if started.elapsed() > START_TIMEOUT {
                bail!("{} does not answer on port {}", self.name, self.port);
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// Kills the process, as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Stops the process without closing its connections.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Continues a frozen process.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            let _ = kill_process(pid, signal);
        }
    }

    /// Limits the size of the files that the process writes; `None` removes the limit. A write beyond
    /// the limit fails half-way, as on a full disk.
    pub(crate) fn limit_file_size(&self, bytes: Option<u64>) {
        if let Some(pid) = self.pid() {
            let _ = prlimit(Some(pid), Resource::Fsize, Rlimit { current: bytes, maximum: None });
        }
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.process.as_ref()?.0.id()).ok()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Ports below the range of Linux's outgoing connections, which could take the port of a service
/// between its stop and its restart.
const PORTS: std::ops::Range<u16> = 15_000..32_000;
const PORT_ATTEMPTS: usize = 100;

/// A port that no process listens on.
///
/// # Errors
/// If no free port is found.
pub fn free_port() -> anyhow::Result<u16> {
    let candidates = (0..PORT_ATTEMPTS).map(|_| rand::random_range(PORTS));
    let mut free = candidates.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().context("no port is free")
}
