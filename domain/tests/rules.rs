//! The rules of the contest as specifications, as properties, and as files that never change.

#[cfg(test)]
mod rules {
    mod codec;
    mod dsl;
    mod erasure;
    mod golden;
    mod operators;
    mod processing;
    mod properties;
    mod ranking;
    mod registration;
    mod uploading_and_deleting;
    mod voting;
}
