//! The rules of the contest: specifications, properties of random histories, and golden files.

#[cfg(test)]
mod rules {
    mod codec;
    mod dsl;
    mod erasure;
    mod event_types;
    mod golden;
    #[path = "../../../tests/simulation/src/in_memory_rows.rs"]
    mod in_memory_rows;
    mod operators;
    mod processing;
    mod properties;
    mod ranking;
    mod registration;
    mod uploading_and_deleting;
    mod voting;
}
