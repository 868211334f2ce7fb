//! The worker's side of the child process: starts it, waits, ends it when it is time, and makes an
//! outcome of whatever became of it.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Once;
use std::time::Duration;

use domain::event::FailureReason;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use crate::report::{Failure, Finished, Report};

/// A report is a few hundred bytes; a child that says more is out of its mind.
const MAX_OUTPUT: u64 = 16 * 1024;
/// So much of what a dying child says goes into the log.
const MAX_DETAIL: usize = 500;

/// How a child is started.
#[derive(Clone, Debug)]
pub struct ChildCommand {
    /// The program: this binary.
    pub program: PathBuf,
    /// Its arguments: `transcode-one`.
    pub arguments: Vec<OsString>,
    /// It is killed after so long.
    pub time_limit: Duration,
}

impl ChildCommand {
    /// Has a child process `original`, with `folder` as its current folder, and waits for it.
    ///
    /// Dropping the future kills the child and everything that it may have started.
    ///
    /// # Errors
    /// A [`Failure`], if there is no finished video in the folder.
    pub async fn run(&self, original: File, folder: &Path) -> Result<Finished, Failure> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .current_dir(folder)
            // Keys and passwords are none of its business.
            .env_clear()
            // Else each thread reserves 64 MiB of the limited address space.
            .env("MALLOC_ARENA_MAX", "2")
            .stdin(Stdio::from(original))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::of_disk(&error))?;
        let _group = ProcessGroup::of(&child);
        let (output, complaint) = (child.stdout.take(), child.stderr.take());
        let ended = async {
            let (output, complaint) = tokio::join!(all_of(output), all_of(complaint));
            (child.wait().await, output, complaint)
        };
        match tokio::time::timeout(self.time_limit, ended).await {
            Ok((Ok(status), output, complaint)) => outcome(status, &output, &complaint),
            Ok((Err(error), ..)) => Err(Failure::internal(&error)),
            Err(_) => {
                let limit = format!("no end within {} s", self.time_limit.as_secs_f32());
                Err(Failure::new(FailureReason::TimedOut, limit))
            }
        }
    }
}

/// The child and whatever it starts; killed when this is dropped.
struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    fn of(child: &tokio::process::Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // No such group: all of it has ended already, which is what we want.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

async fn all_of(pipe: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // A pipe that breaks has said what it could.
        let _ = pipe.take(MAX_OUTPUT).read_to_end(&mut bytes).await;
    }
    bytes
}

/// What a child that has ended leaves behind. Its word counts, if it had one; else how it died.
fn outcome(status: ExitStatus, output: &[u8], complaint: &[u8]) -> Result<Finished, Failure> {
    if let Ok(report) = serde_json::from_slice::<Report>(output.trim_ascii()) {
        warn_once(&report.missing_walls);
        return report.result;
    }
    let reason = match status.signal().map(Signal::from_named_raw) {
        // Nobody else kills it: the kernel does, when memory runs out.
        Some(Some(Signal::KILL | Signal::XFSZ)) => FailureReason::OutOfResources,
        Some(Some(Signal::XCPU)) => FailureReason::TimedOut,
        _ => FailureReason::Internal,
    };
    let complaint = String::from_utf8_lossy(complaint);
    let complaint: String = complaint.trim().chars().take(MAX_DETAIL).collect();
    Err(Failure::new(reason, format!("the child ended without a report ({status}): {complaint}")))
}

fn warn_once(missing_walls: &[String]) {
    static WARNED: Once = Once::new();
    if !missing_walls.is_empty() {
        WARNED.call_once(|| {
            tracing::warn!(?missing_walls, "this machine cannot build the whole sandbox");
        });
    }
}
