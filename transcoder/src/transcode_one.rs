//! The child's side: one video, then the end.
//!
//! The original is standard input, an open file. The current folder is the job's, and takes the
//! results. The one line on standard output is the [`Report`].

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use crate::report::{Failure, Finished, Report};
use crate::{pipeline, sandbox};

/// How far behind everything else on the machine the work stands: `nice(2)`.
const NICENESS: i32 = 10;

/// Enters the sandbox, processes the video, and prints the report. The process must have one thread
/// only, and must end afterwards.
///
/// # Errors
/// If the report cannot be printed; then nobody is there to read it.
pub fn run() -> io::Result<()> {
    // Somebody waits for every answer, nobody for a film. If the kernel refuses, it is as before.
    let _ = rustix::process::nice(NICENESS);
    let missing_walls = sandbox::enter();
    // A panic is a defect of ours, and an outcome like any other.
    let result = panic::catch_unwind(AssertUnwindSafe(process))
        .unwrap_or_else(|_| Err(Failure::internal(&"the pipeline panicked")));
    let line = serde_json::to_string(&Report { missing_walls, result })?;
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

fn process() -> Result<Finished, Failure> {
    let original = io::stdin().as_fd().try_clone_to_owned();
    let original = File::from(original.map_err(|error| Failure::of_disk(&error))?);
    pipeline::transcode(original, Path::new("."))
}
