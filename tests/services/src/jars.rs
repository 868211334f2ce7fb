//! The jars of the Java services. Maven fetches the versions in `pom.xml` once.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of `tests/services/`.
pub fn recipe(name: &str) -> PathBuf {
    here().join(name)
}

/// The class path of a service. Fetches its jars if they are missing.
///
/// # Errors
/// If Maven is missing or fails.
pub fn class_path(service: &str) -> anyhow::Result<String> {
    let folder = here().join("lib").join(service);
    if !folder.is_dir() {
        fetch(service, &folder)?;
    }
    Ok(format!("{}/*", folder.display()))
}

/// Fetches into a temporary folder and renames it, so that an interrupted fetch leaves no partial one.
fn fetch(service: &str, folder: &Path) -> anyhow::Result<()> {
    let parent = here().join("lib");
    std::fs::create_dir_all(&parent)?;
    let partial = tempfile::Builder::new().prefix("fetching-").tempdir_in(&parent)?;
    let jars = partial.path().join("jars");
    let status = Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(recipe("pom.xml"))
        .arg(format!("-P{service}"))
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", jars.display()))
        .status()
        .context("Maven (`mvn`) is needed to fetch the services for the tests")?;
    if !status.success() {
        bail!("Maven failed to fetch the jars of {service}");
    }
    match std::fs::rename(&jars, folder) {
        Ok(()) => Ok(()),
        Err(_) if folder.is_dir() => Ok(()), // Another run fetched them meanwhile.
        Err(error) => Err(error).context("cannot move the fetched jars"),
    }
}
