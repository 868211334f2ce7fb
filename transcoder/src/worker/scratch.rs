//! The folder for files in progress.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Longer than any job: an older folder belongs to a process that was killed.
const STALE_AGE: Duration = Duration::from_secs(24 * 60 * 60);
const PREFIX: &str = "job-";

/// Makes the folder, private to this user, and removes stale job folders in it.
pub(super) fn open(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let age = SystemTime::now().duration_since(entry.metadata()?.modified()?);
        if entry.file_name().to_string_lossy().starts_with(PREFIX)
            && age.is_ok_and(|age| age > STALE_AGE)
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::warn!(%error, "a stale job folder was not removed");
        }
    }
    Ok(())
}

/// A folder for one job; dropping it removes it.
pub(super) fn for_job(folder: &Path) -> io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix(PREFIX).tempdir_in(folder)
}
