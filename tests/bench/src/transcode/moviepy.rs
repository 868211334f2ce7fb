//! moviepy as a baseline, if it is installed: a Python library around the `ffmpeg` command.

use std::path::Path;
use std::process::Command;

/// The Python of the environment that `scripts/setup.sh bench` makes.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../services/lib/moviepy/bin/python");
const SCRIPT: &str = include_str!("moviepy.py");

pub(super) fn is_installed() -> bool {
    Path::new(PYTHON).exists()
}

/// The command that makes `result` from `clip`.
pub(super) fn command(clip: &Path, mark: &Path, result: &Path) -> Command {
    // The same priority as the transcoder's child, and the same `ffmpeg` as the other baseline.
    let mut command = Command::new("nice");
    command
        .args(["-n", "10", PYTHON, "-c", SCRIPT])
        .args([clip, mark, result])
        .env("IMAGEIO_FFMPEG_EXE", "ffmpeg");
    if let Some(folder) = result.parent() {
        // moviepy writes its temporary audio file there.
        command.current_dir(folder);
    }
    command
}
