//! The OpenAPI document against its snapshot, `docs/openapi.json`.
//!
//! After a change that is meant: `UPDATE_SNAPSHOT=1 cargo test --package api --test openapi`.

use std::path::Path;

#[test]
fn the_document_is_its_snapshot() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let document = api::openapi_document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_SNAPSHOT").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let snapshot = std::fs::read_to_string(&path).unwrap();
    let differs = snapshot.lines().zip(document.lines()).position(|(old, new)| old != new);
    assert!(
        snapshot == document,
        "docs/openapi.json differs from line {} on",
        differs.map_or_else(|| snapshot.lines().count(), |line| line + 1)
    );
}
