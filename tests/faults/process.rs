//! A process of the system under test, and its supervisor, which restarts it as a service manager does.

use std::fs::File;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::task::JoinHandle;

/// Pause between an exit and the next start.
const RESTART_DELAY: Duration = Duration::from_millis(300);
/// Bounds a graceful shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(40);

pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) log: PathBuf,
    pid: Arc<AtomicI32>,
    starts: Arc<AtomicUsize>,
    is_final: Arc<AtomicBool>,
    supervisor: JoinHandle<ExitStatus>,
}

impl Process {
    /// Starts the process and its supervisor.
    pub(crate) fn start(name: &str, log: PathBuf, mut command: Command) -> Self {
        let output = File::options().create(true).append(true).open(&log).unwrap();
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .kill_on_drop(true);
        let (pid, starts, is_final) =
            (Arc::<AtomicI32>::default(), Arc::<AtomicUsize>::default(), Arc::default());
        let supervisor =
            supervise(command, Arc::clone(&pid), Arc::clone(&starts), Arc::clone(&is_final));
        let supervisor = tokio::spawn(supervisor);
        Self { name: name.to_owned(), log, pid, starts, is_final, supervisor }
    }

    /// Sends a signal, if the process is running.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid.load(Ordering::SeqCst)) {
            // The process may just have exited.
            let _ = kill_process(pid, signal);
        }
    }

    /// Number of starts.
    pub(crate) fn starts(&self) -> usize {
        self.starts.load(Ordering::SeqCst)
    }

    /// Shuts the process down for good. Returns what was wrong with its exit, if anything.
    pub(crate) async fn shut_down(self) -> Option<String> {
        self.is_final.store(true, Ordering::SeqCst);
        self.signal(Signal::CONT);
        self.signal(Signal::TERM);
        match tokio::time::timeout(SHUTDOWN_TIMEOUT, self.supervisor).await {
            Ok(status) => {
                let status = status.unwrap();
                (!status.success()).then(|| format!("{} ended with {status}", self.name))
            }
            Err(_) => Some(format!("{} does not stop", self.name)),
        }
    }

    /// Log lines that must never occur.
    pub(crate) fn alarms(&self) -> Vec<String> {
        let log = std::fs::read(&self.log).unwrap();
        let markers = ["panicked at", "the projection has stopped", "a defect", "dead letter"];
        String::from_utf8_lossy(&log)
            .lines()
            .filter(|line| markers.iter().any(|words| line.contains(words)))
            .map(|line| format!("{}: {line}", self.name))
            .collect()
    }
}

async fn supervise(
    mut command: Command,
    pid: Arc<AtomicI32>,
    starts: Arc<AtomicUsize>,
    is_final: Arc<AtomicBool>,
) -> ExitStatus {
    loop {
        let mut child = command.spawn().unwrap();
        starts.fetch_add(1, Ordering::SeqCst);
        pid.store(child.id().map_or(0, |pid| i32::try_from(pid).unwrap()), Ordering::SeqCst);
        let status = child.wait().await.unwrap();
        pid.store(0, Ordering::SeqCst);
        if is_final.load(Ordering::SeqCst) {
            return status;
        }
        tokio::time::sleep(RESTART_DELAY).await;
    }
}
