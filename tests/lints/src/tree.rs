//! The files of the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the workspace. Cargo sets the variable for the tests that it runs; the path compiled in
/// would be that of another checkout, if two share a target folder.
///
/// # Panics
/// Outside of `cargo test` and `cargo run`.
pub fn root() -> PathBuf {
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|error| panic!("{error}"));
    Path::new(&package).join("../..")
}

/// All files below `root` whose extension is one of `extensions`, sorted, relative to `root`. Files that
/// git ignores are left out: build output, and what the set-up scripts download.
///
/// # Panics
/// If git is missing, or `root` is not in a checkout.
pub fn files(root: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let output = git.output().unwrap_or_else(|error| panic!("git: {error}"));
    assert!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8_lossy(&output.stdout);
    let mut files: Vec<PathBuf> = listed
        .split('\0')
        .map(PathBuf::from)
        .filter(|path| {
            extensions.iter().any(|wanted| path.extension().is_some_and(|e| e == *wanted))
        })
        // A file that was deleted and not staged is still listed.
        .filter(|path| root.join(path).exists())
        .collect();
    files.sort();
    files
}

/// The text of a file.
///
/// # Panics
/// If the file cannot be read or is not UTF-8.
pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
