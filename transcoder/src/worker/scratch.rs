//! The folder for files in progress.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// No job takes that long: what is older was left by a process that was killed.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 60 * 60);
const PREFIX: &str = "job-";

/// Makes the folder, private to this user, if it does not exist; removes what was left behind in it.
pub(super) fn open(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let old = SystemTime::now().duration_since(entry.metadata()?.modified()?);
        if entry.file_name().to_string_lossy().starts_with(PREFIX)
            && old.is_ok_and(|age| age > LEFT_BEHIND)
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::warn!(%error, "files of a dead worker remain");
        }
    }
    Ok(())
}

/// A folder for one job; dropping it removes it.
pub(super) fn for_job(folder: &Path) -> io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix(PREFIX).tempdir_in(folder)
}
