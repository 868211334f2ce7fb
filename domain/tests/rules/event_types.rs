//! What a new type of event needs, as far as the compiler cannot check it. Golden files are checked in
//! `golden.rs`, random histories in `properties.rs`.

use std::collections::HashSet;
use std::path::Path;

use domain::EventType;

#[test]
fn every_event_type_has_a_code_of_its_own() {
    let codes: HashSet<&str> = EventType::ALL.iter().map(|event_type| event_type.code()).collect();
    assert_eq!(codes.len(), EventType::ALL.len());
    for event_type in EventType::ALL {
        assert_eq!(EventType::from_code(event_type.code()), Some(*event_type));
        assert!(event_type.code().starts_with("anb."), "{event_type:?}");
    }
}

#[test]
fn every_event_type_is_in_the_table_of_the_architecture_page() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/architecture.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `anb.")).collect();
    for event_type in EventType::ALL {
        let code = format!("`{}`", event_type.code());
        let described = rows.iter().any(|row| row.contains(&code));
        assert!(described, "docs/architecture.md has no row for {code} in its table of events");
    }
}
