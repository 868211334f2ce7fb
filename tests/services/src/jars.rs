//! The jars of the Java services: fetched once by Maven, as `pom.xml` pins them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of this folder.
pub fn recipe(name: &str) -> PathBuf {
    here().join(name)
}

/// The class path of a service, fetched if it is not there yet.
///
/// # Errors
/// If Maven cannot be run, or cannot fetch.
pub fn class_path(service: &str) -> anyhow::Result<String> {
    let folder = here().join("lib").join(service);
    if !folder.is_dir() {
        fetch(service, &folder)?;
    }
    Ok(format!("{}/*", folder.display()))
}

/// Fetches beside the final place and renames, so that a fetch cut short is not taken for a whole.
fn fetch(service: &str, folder: &Path) -> anyhow::Result<()> {
    let parent = here().join("lib");
    std::fs::create_dir_all(&parent)?;
    let half = tempfile::Builder::new().prefix("fetching-").tempdir_in(&parent)?;
    let jars = half.path().join("jars");
    let status = Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(recipe("pom.xml"))
        .arg(format!("-P{service}"))
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", jars.display()))
        .status()
        .context("Maven (`mvn`) is needed to fetch the services for the tests")?;
    if !status.success() {
        bail!("Maven could not fetch the jars of {service}");
    }
    match std::fs::rename(&jars, folder) {
        Ok(()) => Ok(()),
        Err(_) if folder.is_dir() => Ok(()), // Another run was faster.
        Err(error) => Err(error).context("the fetched jars cannot be moved to their place"),
    }
}
