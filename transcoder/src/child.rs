//! The worker's side of the child process: starts it, limits its time, and reads its messages.

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

use crate::child_protocol::ChildMessage;
use crate::failure::Failure;
use crate::finished_video::FinishedVideo;

/// Bytes that are read of each of the child's pipes. All regular messages take a few thousand.
const MAX_OUTPUT_BYTES: u64 = 16 * 1024;
/// Characters of a child's text that go into the log.
const MAX_DETAIL_CHARS: usize = 500;

/// The command line of the child.
#[derive(Clone, Debug)]
pub struct ChildCommand {
    /// The program: this binary.
    pub program: PathBuf,
    /// Its arguments: `transcode-one`.
    pub arguments: Vec<OsString>,
    /// The child is killed after this time.
    pub time_limit: Duration,
}

impl ChildCommand {
    /// Runs a child on `original` with `folder` as its current folder, and waits for its end. Sends
    /// the progress in percent through `progress`.
    ///
    /// Dropping the future kills the child and its process group.
    ///
    /// # Errors
    /// A [`Failure`] if there is no finished video in the folder.
    pub async fn run(
        &self,
        original: File,
        folder: &Path,
        progress: &watch::Sender<u8>,
    ) -> Result<FinishedVideo, Failure> {
        let mut child = self.spawn(&[], Stdio::from(original), folder)?;
        self.outcome_of(&mut child, progress).await.and_then(|line| match line {
            ChildMessage::Done(finished) if finished.is_plausible() => Ok(finished),
            ChildMessage::Failed { reason, detail } => Err(Failure::new(reason, one_line(&detail))),
            other => Err(unexpected(&other)),
        })
    }

    /// Asks a child which sandbox layers this machine does not support.
    ///
    /// # Errors
    /// A [`Failure`] if the child does not answer.
    pub async fn missing_sandbox_layers(&self, folder: &Path) -> Result<Vec<String>, Failure> {
        let mut child = self.spawn(&["--check"], Stdio::null(), folder)?;
        match self.outcome_of(&mut child, &watch::Sender::new(0)).await? {
            ChildMessage::MissingSandboxLayers(missing) => Ok(missing),
            other => Err(unexpected(&other)),
        }
    }

    fn spawn(
        &self,
        extra_arguments: &[&str],
        input: Stdio,
        folder: &Path,
    ) -> Result<Child, Failure> {
        Command::new(&self.program)
            .args(&self.arguments)
            .args(extra_arguments)
            .current_dir(folder)
            // The environment holds keys and passwords.
            .env_clear()
            // By default glibc reserves 64 MiB of the limited address space per thread.
            .env("MALLOC_ARENA_MAX", "2")
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(Failure::of_disk)
    }

    async fn outcome_of(
        &self,
        child: &mut Child,
        progress: &watch::Sender<u8>,
    ) -> Result<ChildMessage, Failure> {
        let _group = ProcessGroup::of(child);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ended = async {
            let (last, stderr) = tokio::join!(last_message(stdout, progress), read_all(stderr));
            (child.wait().await, last, stderr)
        };
        match tokio::time::timeout(self.time_limit, ended).await {
            Ok((Ok(_), Some(last), _)) => Ok(last),
            Ok((Ok(status), None, stderr)) => Err(without_message(status, &stderr)),
            Ok((Err(error), ..)) => Err(Failure::caused_by(
                FailureReason::Internal,
                "the child's end is unknown",
                error,
            )),
            Err(_) => {
                let limit = format!("the child ran for {} s", self.time_limit.as_secs_f32());
                Err(Failure::new(FailureReason::TimedOut, limit))
            }
        }
    }
}

/// The child's process group; dropping this kills it.
struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    fn of(child: &tokio::process::Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // The only expected error is that the group has already ended.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Forwards progress until the pipe closes. Returns the last message that is no progress.
async fn last_message(
    pipe: Option<impl AsyncRead + Unpin>,
    progress: &watch::Sender<u8>,
) -> Option<ChildMessage> {
    let mut lines = BufReader::new(pipe?.take(MAX_OUTPUT_BYTES)).lines();
    let mut last = None;
    // A read error ends the messages like the end of the pipe.
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(ChildMessage::Progress(percent)) => {
                progress.send_replace(percent.min(100));
            }
            Ok(message) => last = Some(message),
            // Not a message: a library may print to the same pipe.
            Err(_) => {}
        }
    }
    last
}

async fn read_all(pipe: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // After a read error the bytes so far are returned.
        let _ = pipe.take(MAX_OUTPUT_BYTES).read_to_end(&mut bytes).await;
    }
    bytes
}

fn unexpected(message: &ChildMessage) -> Failure {
    Failure::internal(format!("unexpected message of the child: {message:?}"))
}

/// The child ended without a last message: its exit status decides the reason.
fn without_message(status: ExitStatus, stderr: &[u8]) -> Failure {
    let reason = match status.signal().map(Signal::from_named_raw) {
        // Only the kernel's out-of-memory killer sends SIGKILL here.
        Some(Some(Signal::KILL | Signal::XFSZ)) => FailureReason::OutOfResources,
        Some(Some(Signal::XCPU)) => FailureReason::TimedOut,
        _ => FailureReason::Internal,
    };
    let stderr = String::from_utf8_lossy(stderr);
    let detail = format!("the child ended without a result ({status}): {}", stderr.trim());
    Failure::new(reason, one_line(&detail))
}

/// An untrusted file may control the child's text: it enters the log as one short line.
fn one_line(text: &str) -> String {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars().take(MAX_DETAIL_CHARS).map(plain).collect()
}
