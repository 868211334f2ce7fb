//! Where the contest meets the world: ports and their adapters.
//!
//! A port is a small trait named for what it does ([`event_log::EventLog`],
//! [`object_storage::ObjectStorage`], [`verdicts::VerdictLookup`]); its adapters lie in the folder
//! of the same name. The Postgres pool, its migrations, configuration, telemetry and the pace of batches
//! are here too.
//!
//! Never in here: a rule of the contest, an HTTP route, a read model. This room depends on `domain`
//! alone.

pub mod config;
pub mod database;
pub mod event_log;
pub mod object_storage;
pub mod pace;
pub mod private_postgres;
pub mod read_models;
pub mod telemetry;
pub mod verdicts;
