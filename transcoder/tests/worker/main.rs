//! Queue and worker on a real Postgres, with a log in memory and shell scripts as children.
#![expect(clippy::unwrap_used, reason = "what these helpers unwrap is part of the tests")]

mod crashes;
mod database;
mod fail_point;
mod fixture;
mod flaky_storage;
mod folding_log;
mod jobs;
mod outages;
mod queue;
