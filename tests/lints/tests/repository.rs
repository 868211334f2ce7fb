//! The repository keeps its own rules.

#![allow(missing_docs, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use lints::{imports, paths, prose, tree};

/// Root files of crates and of integration tests: each has a tree of modules of its own.
fn crate_roots() -> Vec<PathBuf> {
    let rust = tree::files(&tree::root(), &["rs"]);
    let is_root = |path: &Path| {
        let parent = path.parent().and_then(Path::file_name).unwrap_or_default();
        path.ends_with("src/lib.rs") || path.ends_with("src/main.rs") || parent == "tests"
    };
    rust.into_iter().filter(|path| is_root(path)).collect()
}

#[test]
fn modules_of_a_crate_import_each_other_one_way() {
    let mut problems = Vec::new();
    for root in crate_roots() {
        let imports = imports::of_crate(&tree::root().join(&root));
        for circle in imports::circles(&imports) {
            problems.push(format!("{}:", root.display()));
            for module in &circle {
                let name = |module: &Vec<String>| format!("crate::{}", module.join("::"));
                let inside = imports[module].intersection(&circle).map(name);
                problems.push(format!(
                    "  {} -> {}",
                    name(module),
                    inside.collect::<Vec<_>>().join(", ")
                ));
            }
        }
    }
    assert!(problems.is_empty(), "circles between modules:\n{}", problems.join("\n"));
}

#[test]
fn sentences_are_short_and_use_the_words_of_the_field() {
    let mut problems = Vec::new();
    for path in tree::files(&tree::root(), &["md", "rs", "sql", "js", "sh", "toml", "yml", "yaml"])
    {
        // Its list of banned words would be found.
        if path.ends_with("tests/lints/src/prose.rs") || path.starts_with("infra/migrations") {
            continue;
        }
        let text = tree::read(&tree::root().join(&path));
        for finding in prose::findings(&path, &text) {
            problems.push(format!("{}:{}: {}", path.display(), finding.line, finding.message));
        }
    }
    assert!(problems.is_empty(), "{} findings:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn documents_name_paths_that_exist() {
    let mut problems = Vec::new();
    for path in tree::files(&tree::root(), &["md"]) {
        let folder = path.parent().unwrap();
        let text = tree::read(&tree::root().join(&path));
        for missing in paths::missing(&tree::root(), folder, &text) {
            problems.push(format!("{}: {missing}", path.display()));
        }
    }
    assert!(problems.is_empty(), "paths that do not exist:\n{}", problems.join("\n"));
}

#[test]
fn pages_say_first_whom_they_are_for() {
    let pages = tree::files(&tree::root().join("docs"), &["md"]);
    let lacking: Vec<_> = pages
        .iter()
        .filter(|page| !page.starts_with("adr") || page.ends_with("README.md"))
        .filter(|page| {
            let text = tree::read(&tree::root().join("docs").join(page));
            !text.lines().take(4).any(|line| line.starts_with("For "))
        })
        .collect();
    assert!(lacking.is_empty(), "no `For …` line below the title: {lacking:?}");
}
