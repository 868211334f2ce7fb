//! The child's side: processes one video and ends.
//!
//! Standard input is the original, an open file. The current folder is the job's and takes the
//! results. Standard output takes one [`ChildMessage`] per line.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use rustix::time::{ClockId, clock_gettime};

use crate::child_protocol::ChildMessage;
use crate::failure::Failure;
use crate::finished_video::FinishedVideo;
use crate::pipeline::{self, Outputs};
use crate::sandbox;

/// The child's niceness, see `nice(2)`: requests have priority over encoding.
const NICENESS: i32 = 10;

/// What the child is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildTask {
    /// Report the missing sandbox layers and end.
    Check,
    /// Process the video, also with missing layers.
    Process(Outputs),
    /// Process the video only inside a complete sandbox.
    ProcessConfined(Outputs),
}

/// Enters the sandbox, does its task and prints the result. The process must have exactly one thread,
/// and must end afterwards.
///
/// # Errors
/// If standard output is closed.
pub fn run(task: ChildTask) -> io::Result<()> {
    // Without the lower priority the task works as well, so an error does not matter.
    let _ = rustix::process::nice(NICENESS);
    let missing = sandbox::enter();
    print(&match task {
        ChildTask::Check => ChildMessage::MissingSandboxLayers(missing),
        ChildTask::ProcessConfined(_) if !missing.is_empty() => {
            Failure::internal(format!("the sandbox is incomplete: {}", missing.join("; "))).into()
        }
        ChildTask::Process(outputs) | ChildTask::ProcessConfined(outputs) => process(outputs),
    })
}

fn process(outputs: Outputs) -> ChildMessage {
    // A panic is a defect in the pipeline: it is reported like other failures.
    let result = panic::catch_unwind(AssertUnwindSafe(|| transcode(outputs)))
        .unwrap_or_else(|_| Err(Failure::internal("the pipeline panicked")));
    match result {
        Ok(finished) => ChildMessage::Done(FinishedVideo { cpu_ms: cpu_ms(), ..finished }),
        Err(failure) => failure.into(),
    }
}

fn transcode(outputs: Outputs) -> Result<FinishedVideo, Failure> {
    let original = File::from(io::stdin().as_fd().try_clone_to_owned().map_err(Failure::of_disk)?);
    pipeline::transcode(original, Path::new("."), outputs, |percent| {
        // A lost progress message does no harm: the last message carries the result.
        let _ = print(&ChildMessage::Progress(percent));
    })
}

fn print(message: &ChildMessage) -> io::Result<()> {
    let line = serde_json::to_string(message)?;
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

/// Processor time of this process so far, in milliseconds.
fn cpu_ms() -> u64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(used.tv_sec * 1000 + used.tv_nsec / 1_000_000).unwrap_or(0)
}
