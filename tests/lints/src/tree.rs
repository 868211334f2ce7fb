//! The files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours: build output, data of `make run`, vendored assets.
const SKIPPED: [&str; 6] = ["target", ".git", ".anb", "node_modules", "vendor", "golden"];

/// The root of the workspace. Cargo sets the variable for the tests that it runs; the path compiled in
/// would be that of another checkout, if two share a target folder.
///
/// # Panics
/// Outside of `cargo test` and `cargo run`.
pub fn root() -> PathBuf {
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|error| panic!("{error}"));
    Path::new(&package).join("../..")
}

/// All files below `root` whose extension is one of `extensions`, sorted, relative to `root`.
///
/// # Panics
/// If a folder cannot be read.
pub fn files(root: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(root, Path::new(""), extensions, &mut found);
    found.sort();
    found
}

fn collect(root: &Path, folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    let path = root.join(folder);
    let entries = fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for entry in entries.flatten() {
        let name = entry.file_name();
        let relative = folder.join(&name);
        if entry.path().is_dir() {
            if !SKIPPED.iter().any(|skipped| name == *skipped) && !entry.path().is_symlink() {
                collect(root, &relative, extensions, found);
            }
        } else if extensions.iter().any(|wanted| relative.extension().is_some_and(|e| e == *wanted))
        {
            found.push(relative);
        }
    }
}

/// The text of a file.
///
/// # Panics
/// If the file cannot be read or is not UTF-8.
pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
