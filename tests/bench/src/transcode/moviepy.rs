//! What it is often done with, if it could be installed: moviepy, a Python library around the
//! `ffmpeg` command.

use std::path::Path;
use std::process::Command;

/// A Python that has it, made by `scripts/setup.sh bench`.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../services/lib/moviepy/bin/python");
const SCRIPT: &str = include_str!("moviepy.py");

pub(super) fn is_installed() -> bool {
    Path::new(PYTHON).exists()
}

/// Makes `result` of `clip`.
pub(super) fn command(clip: &Path, mark: &Path, result: &Path) -> Command {
    // As far behind everything else as ours, and with the same `ffmpeg` as the other one.
    let mut command = Command::new("nice");
    command
        .args(["-n", "10", PYTHON, "-c", SCRIPT])
        .args([clip, mark, result])
        .env("IMAGEIO_FFMPEG_EXE", "ffmpeg");
    if let Some(folder) = result.parent() {
        // It leaves the sound there for a while.
        command.current_dir(folder);
    }
    command
}
