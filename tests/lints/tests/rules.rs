//! What the checks find, and what they leave alone.

#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use lints::{imports, paths, prose};

fn circles_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let imports = imports::of_crate(&folder.path().join("lib.rs"));
    let name = |module: &Vec<String>| module.join("::");
    imports::circles(&imports).iter().map(|circle| circle.iter().map(name).collect()).collect()
}

#[test]
fn two_modules_that_import_each_other_are_a_circle() {
    let circles = circles_of(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "pub struct B; fn f() -> crate::a::A { todo!() }"),
    ]);
    assert_eq!(circles, [["a", "b"]]);
}

#[test]
fn a_child_that_imports_the_parent_that_imports_it_is_a_circle() {
    let circles = circles_of(&[
        ("lib.rs", "mod a;"),
        ("a.rs", "mod b; pub use b::B; pub struct A;"),
        ("a/b.rs", "use super::A; pub struct B(A);"),
    ]);
    assert_eq!(circles, [["a", "a::b"]]);
}

#[test]
fn an_item_of_the_crate_root_is_an_import_of_the_root() {
    let circles = circles_of(&[
        ("lib.rs", "mod a; pub use a::A; pub struct Root;"),
        ("a.rs", "use crate::{Root}; pub struct A(Root);"),
    ]);
    assert_eq!(circles, [["", "a"]]);
}

#[test]
fn imports_inside_braces_and_macros_count() {
    let circles = circles_of(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::{b::{self, B}}; pub struct A;"),
        ("b.rs", "pub struct B; fn f() { format!(\"{}\", crate::a::A::new()) }"),
    ]);
    assert_eq!(circles, [["a", "b"]]);
}

#[test]
fn siblings_declarations_and_unit_tests_are_no_circle() {
    let circles = circles_of(&[
        ("lib.rs", "mod a;"),
        ("a.rs", "mod b; mod c; pub fn f() { b::g() }"),
        (
            "a/b.rs",
            "use super::c::C; pub fn g() {} #[cfg(test)] mod tests { use super::super::f; use super::*; }",
        ),
        ("a/c.rs", "pub struct C; mod inline { use super::C; }"),
    ]);
    assert!(circles.is_empty(), "{circles:?}");
}

fn prose_of(name: &str, text: &str) -> Vec<(usize, String)> {
    let found = prose::findings(Path::new(name), text);
    found.into_iter().map(|finding| (finding.line, finding.message)).collect()
}

#[test]
fn banned_words_are_found_in_comments_and_not_in_code() {
    let text = "fn f() {\n    // Fine.\n    // Whoever reads this.\n    let anew = \"anew\";\n}\n";
    assert_eq!(prose_of("a.rs", text), [(2, "`whoever`: name the actor".to_owned())]);
    assert!(prose_of("a.md", "```\nanew\n```\nThe word `anew` in backticks.\n").is_empty());
}

#[test]
fn a_sentence_longer_than_the_limit_is_found() {
    let sentence = |words: usize| vec!["word"; words].join(" ");
    let limit = prose::WORD_LIMIT;
    assert!(prose_of("a.md", &format!("{}. {}.", sentence(limit), sentence(limit))).is_empty());
    let found = prose_of("a.md", &format!("Short.\n\n{}.\n", sentence(limit + 1)));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, 3);
    assert!(found[0].1.starts_with(&format!("{} words", limit + 1)), "{found:?}");
}

#[test]
fn list_items_and_table_cells_are_texts_of_their_own() {
    let item = vec!["word"; 20].join(" ");
    assert!(prose_of("a.md", &format!("- {item}\n- {item}\n\n| {item} | {item} |\n")).is_empty());
}

#[test]
fn paths_into_the_repository_and_targets_of_links_must_exist() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["src/main.rs", "docs/page.md"] {
        fs::create_dir_all(folder.path().join(file).parent().unwrap()).unwrap();
        fs::write(folder.path().join(file), "").unwrap();
    }
    let text = "`src/main.rs`, `src/gone.rs`, `processed/1.mp4`, `application/json`, [a](page.md#part), \
                [b](gone.md), [c](https://example.org)";
    let missing = paths::missing(folder.path(), Path::new("docs"), text);
    assert_eq!(missing, ["src/gone.rs", "gone.md"]);
}
