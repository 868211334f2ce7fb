//! Paths that the documents name.

use std::path::Path;

use regex::Regex;

/// Paths in backticks that look like files or folders of the repository, and relative targets of links,
/// that do not exist. `folder` is the one that holds the document.
///
/// A path in backticks counts if its first segment is one of the repository's top-level folders.
pub fn missing(root: &Path, folder: &Path, text: &str) -> Vec<String> {
    let quoted = captures(r"`([\w.-]+/[\w./-]*\w/?)`", text)
        .filter(|path| path.split('/').next().is_some_and(|first| root.join(first).is_dir()))
        .filter(|path| !path.starts_with("target/") && !root.join(path).exists());
    let linked = captures(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
        .filter(|target| !root.join(folder).join(target).exists());
    quoted.chain(linked).collect()
}

fn captures(expression: &str, text: &str) -> impl Iterator<Item = String> {
    // The expressions are constants, and the tests compile them.
    #[allow(clippy::unwrap_used)]
    let expression = Regex::new(expression).unwrap();
    let found: Vec<String> =
        expression.captures_iter(text).map(|found| found[1].to_owned()).collect();
    found.into_iter()
}
