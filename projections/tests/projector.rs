//! The projector on a real Postgres.

#[cfg(test)]
mod projector {
    mod erasure;
    mod history;
    mod leftovers;
    mod log_identity;
    mod many_partitions;
    mod memory_log;
    mod migration;
    mod operators;
    mod ownership;
    mod rankings;
    mod read_models;
    mod rebuild;
    mod search;
    mod verdicts;
}
