//! The worker's side of the child process: starts it, waits, ends it when it is time, and makes an
//! outcome of whatever became of it.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use domain::event::FailureReason;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::report::{Failure, Finished, Line};

/// A hundred lines of progress and a report are a few thousand bytes; a child that says more is out
/// of its mind.
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
    /// Has a child process `original`, with `folder` as its current folder, and waits for it; says
    /// how far it is, in percent, through `progress`.
    ///
    /// Dropping the future kills the child and everything that it may have started.
    ///
    /// # Errors
    /// A [`Failure`], if there is no finished video in the folder.
    pub async fn run(
        &self,
        original: File,
        folder: &Path,
        progress: &watch::Sender<u8>,
    ) -> Result<Finished, Failure> {
        let mut child = self.spawn(&[], Stdio::from(original), folder)?;
        self.outcome_of(&mut child, progress).await.and_then(|line| match line {
            Line::Done(finished) if finished.is_plausible() => Ok(finished),
            Line::Failed(failure) => Err(presentable(failure)),
            other => Err(Failure::internal(&format!("the child says {other:?}"))),
        })
    }

    /// Asks a child which layers of the sandbox this machine cannot build.
    ///
    /// # Errors
    /// A [`Failure`], if there is no answer.
    pub async fn missing_sandbox_layers(&self, folder: &Path) -> Result<Vec<String>, Failure> {
        let mut child = self.spawn(&["--check"], Stdio::null(), folder)?;
        match self.outcome_of(&mut child, &watch::Sender::new(0)).await? {
            Line::MissingSandboxLayers(missing) => Ok(missing),
            other => Err(Failure::internal(&format!("the child says {other:?}"))),
        }
    }

    fn spawn(&self, more: &[&str], input: Stdio, folder: &Path) -> Result<Child, Failure> {
        Command::new(&self.program)
            .args(&self.arguments)
            .args(more)
            .current_dir(folder)
            // Keys and passwords are none of its business.
            .env_clear()
            // Else each thread reserves 64 MiB of the limited address space.
            .env("MALLOC_ARENA_MAX", "2")
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::of_disk(&error))
    }

    async fn outcome_of(
        &self,
        child: &mut Child,
        progress: &watch::Sender<u8>,
    ) -> Result<Line, Failure> {
        let _group = ProcessGroup::of(child);
        let (output, complaint) = (child.stdout.take(), child.stderr.take());
        let ended = async {
            let (word, complaint) = tokio::join!(listen(output, progress), all_of(complaint));
            (child.wait().await, word, complaint)
        };
        match tokio::time::timeout(self.time_limit, ended).await {
            Ok((Ok(_), Some(word), _)) => Ok(word),
            Ok((Ok(status), None, complaint)) => Err(wordless(status, &complaint)),
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

/// Passes progress on until the child has said its last word.
async fn listen(
    pipe: Option<impl AsyncRead + Unpin>,
    progress: &watch::Sender<u8>,
) -> Option<Line> {
    let mut lines = BufReader::new(pipe?.take(MAX_OUTPUT)).lines();
    let mut word = None;
    // A pipe that breaks has said what it could, and what is no line of ours says nothing.
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Line::Progress(percent)) => {
                progress.send_replace(percent.min(100));
            }
            Ok(last) => word = Some(last),
            Err(_) => {}
        }
    }
    word
}

async fn all_of(pipe: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // A pipe that breaks has said what it could.
        let _ = pipe.take(MAX_OUTPUT).read_to_end(&mut bytes).await;
    }
    bytes
}

/// A child that has ended without a word: how it died must do.
fn wordless(status: ExitStatus, complaint: &[u8]) -> Failure {
    let reason = match status.signal().map(Signal::from_named_raw) {
        // Nobody else kills it: the kernel does, when memory runs out.
        Some(Some(Signal::KILL | Signal::XFSZ)) => FailureReason::OutOfResources,
        Some(Some(Signal::XCPU)) => FailureReason::TimedOut,
        _ => FailureReason::Internal,
    };
    let complaint = String::from_utf8_lossy(complaint);
    let detail = format!("the child ended without a report ({status}): {}", complaint.trim());
    presentable(Failure::new(reason, detail))
}

/// Words that a stranger may have put into the child's mouth go into the log as one short line.
fn presentable(failure: Failure) -> Failure {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let detail = failure.detail.chars().take(MAX_DETAIL).map(plain).collect();
    Failure { detail, ..failure }
}
