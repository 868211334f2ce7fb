//! The child's side: one video, then the end.
//!
//! The original is standard input, an open file. The current folder is the job's, and takes the
//! results. Standard output takes a [`Line`] each time that there is news.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use rustix::time::{ClockId, clock_gettime};

use crate::pipeline::{self, Outputs};
use crate::report::{Failure, Finished, Line};
use crate::sandbox;

/// How far behind everything else on the machine the work stands: `nice(2)`.
const NICENESS: i32 = 10;

/// What the process is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildTask {
    /// Say which layers of the sandbox are missing, and end.
    Check,
    /// Process the video, whatever is missing.
    Process(Outputs),
    /// Process the video, but only with all layers around.
    ProcessConfined(Outputs),
}

/// Enters the sandbox, does its task, and reports. The process must have one thread only, and must
/// end afterwards.
///
/// # Errors
/// If nothing can be printed; then nobody is there to read it.
pub fn run(task: ChildTask) -> io::Result<()> {
    // Somebody waits for every answer, nobody for a film. If the kernel refuses, it is as before.
    let _ = rustix::process::nice(NICENESS);
    let missing = sandbox::enter();
    say(&match task {
        ChildTask::Check => Line::MissingSandboxLayers(missing),
        ChildTask::ProcessConfined(_) if !missing.is_empty() => Line::Failed(Failure::internal(
            &format!("the sandbox is not whole: {}", missing.join("; ")),
        )),
        ChildTask::Process(outputs) | ChildTask::ProcessConfined(outputs) => process(outputs),
    })
}

fn process(outputs: Outputs) -> Line {
    // A panic is a defect of ours, and an outcome like any other.
    let result = panic::catch_unwind(AssertUnwindSafe(|| transcode(outputs)))
        .unwrap_or_else(|_| Err(Failure::internal(&"the pipeline panicked")));
    match result {
        Ok(finished) => Line::Done(Finished { cpu_ms: cpu_ms(), ..finished }),
        Err(failure) => Line::Failed(failure),
    }
}

fn transcode(outputs: Outputs) -> Result<Finished, Failure> {
    let original = io::stdin().as_fd().try_clone_to_owned();
    let original = File::from(original.map_err(|error| Failure::of_disk(&error))?);
    pipeline::transcode(original, Path::new("."), outputs, |percent| {
        // Who does not want to know is told in the end all the same.
        let _ = say(&Line::Progress(percent));
    })
}

fn say(line: &Line) -> io::Result<()> {
    let line = serde_json::to_string(line)?;
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

/// What this process has used so far.
fn cpu_ms() -> u64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(used.tv_sec * 1000 + used.tv_nsec / 1_000_000).unwrap_or(0)
}
