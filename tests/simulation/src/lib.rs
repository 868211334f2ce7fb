//! A simulation of the whole write side in virtual time. The production code of commands, verdict desk
//! and projector runs on a simulated log, database and object store.
//!
//! One seed decides everything that happens in a run: delays, the order between partitions, duplicate
//! records, lost acknowledgements, crashes at any await, changes of ownership in the middle of a batch.
//! Afterwards a plain recount of the log must agree with the read models, the replies and a replay.
//!
//! `cargo run -p simulation -- --seed N` replays one seed and prints its trace;
//! `--minutes N` runs new seeds for N minutes.
//!
//! Not here: copies of production code.

mod actor;
mod checker;
mod client;
mod cluster;
mod database;
mod history;
mod in_memory_rows;
mod log;
mod lookup;
mod nemesis;
mod parameters;
mod planted_bug;
mod process;
mod progress_listener;
pub mod recount;
mod replay;
mod run;
mod seed_search;
mod storage;
mod store;
mod transcoding;

pub use planted_bug::PlantedBug;
pub use run::{Failure, Summary, run};
pub use seed_search::{FoundFailure, SeedSearch, search_seeds};
