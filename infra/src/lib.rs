//! Adapters to the outside world, and their ports.
//!
//! A port is a small trait ([`event_log::EventLog`], [`object_storage::ObjectStorage`]). Its adapters are
//! in the folder of the same name. The Postgres pool, its migrations, the settings of all these, telemetry,
//! the throttle of batches and the bound of waits are here, too.
//!
//! Not here: a rule of the contest, an HTTP route, a read model, a verdict. The crate depends on
//! `domain` alone.

pub mod batch_throttle;
pub mod cause;
pub mod config;
pub mod database;
pub mod error_chain;
pub mod event_log;
pub mod log_transfer;
pub mod object_storage;
pub mod private_postgres;
pub mod telemetry;
pub mod timeout;
