//! A simulation of the whole write side: the production code of commands, verdict desk and projector
//! behind their ports, on a simulated log, database and object store, in virtual time.
//!
//! One seed decides everything that happens in a run: delays, the order between partitions, records
//! delivered twice, acknowledgements lost, processes crashed at any await, partitions taken away in
//! the middle of a batch. Afterwards a plain recount of the log must agree with the read models, with
//! every answer that a client was given, and with a replay.
//!
//! `cargo run -p simulation -- --seed N` replays one seed and shows what happened;
//! `--minutes N` goes on with new seeds for so long.
//!
//! Never in here: a copy of production code.

mod check;
mod client;
mod follow;
mod history;
mod lane;
mod log;
mod lookup;
mod nemesis;
mod plan;
mod plant;
mod process;
pub mod recount;
mod replay;
mod run;
mod storage;
mod store;
mod sweep;
mod tables;
mod transcoding;
mod world;

pub use plant::Plant;
pub use run::{Failure, Summary, run};
pub use sweep::{Found, Swept, sweep};
