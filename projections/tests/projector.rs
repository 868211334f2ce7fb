//! The projector on a real Postgres.

#[path = "projector/history.rs"]
mod history;
#[path = "projector/memory_log.rs"]
mod memory_log;
#[path = "projector/ownership.rs"]
mod ownership;
#[path = "projector/read_models.rs"]
mod read_models;
#[path = "projector/verdicts.rs"]
mod verdicts;
