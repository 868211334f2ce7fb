//! A process of the system under test, which is started again whenever it ends, as a service manager
//! would.

use std::fs::File;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::task::JoinHandle;

/// Between an end and the next start.
const PAUSE: Duration = Duration::from_millis(300);
/// An orderly end takes less.
const ENDING: Duration = Duration::from_secs(40);

pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) log: PathBuf,
    pid: Arc<AtomicI32>,
    starts: Arc<AtomicUsize>,
    last: Arc<AtomicBool>,
    supervisor: JoinHandle<ExitStatus>,
}

impl Process {
    /// Runs it from now on.
    pub(crate) fn start(name: &str, log: PathBuf, mut command: Command) -> Self {
        let output = File::options().create(true).append(true).open(&log).unwrap();
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .kill_on_drop(true);
        let (pid, starts, last) =
            (Arc::<AtomicI32>::default(), Arc::<AtomicUsize>::default(), Arc::default());
        let supervisor =
            supervise(command, Arc::clone(&pid), Arc::clone(&starts), Arc::clone(&last));
        let supervisor = tokio::spawn(supervisor);
        Self { name: name.to_owned(), log, pid, starts, last, supervisor }
    }

    /// Nothing, if it is not running right now.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid.load(Ordering::SeqCst)) {
            // It may end at any moment.
            let _ = kill_process(pid, signal);
        }
    }

    /// How often it was started.
    pub(crate) fn starts(&self) -> usize {
        self.starts.load(Ordering::SeqCst)
    }

    /// Ends it for good, in order; what is wrong with its end, if anything is.
    pub(crate) async fn end(self) -> Option<String> {
        self.last.store(true, Ordering::SeqCst);
        self.signal(Signal::CONT);
        self.signal(Signal::TERM);
        match tokio::time::timeout(ENDING, self.supervisor).await {
            Ok(status) => {
                let status = status.unwrap();
                (!status.success()).then(|| format!("{} ended with {status}", self.name))
            }
            Err(_) => Some(format!("{} does not end", self.name)),
        }
    }

    /// What it said that nobody should ever read.
    pub(crate) fn alarms(&self) -> Vec<String> {
        let log = std::fs::read(&self.log).unwrap();
        let alarming = ["panicked at", "the projection has stopped", "a defect", "dead letter"];
        String::from_utf8_lossy(&log)
            .lines()
            .filter(|line| alarming.iter().any(|words| line.contains(words)))
            .map(|line| format!("{}: {line}", self.name))
            .collect()
    }
}

async fn supervise(
    mut command: Command,
    pid: Arc<AtomicI32>,
    starts: Arc<AtomicUsize>,
    last: Arc<AtomicBool>,
) -> ExitStatus {
    loop {
        let mut child = command.spawn().unwrap();
        starts.fetch_add(1, Ordering::SeqCst);
        pid.store(child.id().map_or(0, |pid| i32::try_from(pid).unwrap()), Ordering::SeqCst);
        let status = child.wait().await.unwrap();
        pid.store(0, Ordering::SeqCst);
        if last.load(Ordering::SeqCst) {
            return status;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
