//! Paths that the documents name.

use std::path::Path;

use regex::Regex;

/// Paths in backticks that look like files or folders of the repository, and do not exist.
///
/// A path counts if its first segment is one of the repository's top-level folders.
pub fn missing(root: &Path, text: &str) -> Vec<String> {
    // The expression is a constant, and the tests compile it.
    #[allow(clippy::unwrap_used)]
    let quoted = Regex::new(r"`([\w.-]+/[\w./-]*\w/?)`").unwrap();
    let mut missing: Vec<String> = quoted
        .captures_iter(text)
        .map(|found| found[1].to_owned())
        .filter(|path| path.split('/').next().is_some_and(|first| root.join(first).is_dir()))
        .filter(|path| !path.starts_with("target/") && !root.join(path).exists())
        .collect();
    missing.dedup();
    missing
}
