//! Settings: each is a command-line flag and an environment variable.
//!
//! clap reads text and numbers (the `…Args` types, which the subcommands that need them flatten). Their
//! `parse` checks that the settings belong together. Every mistake is one line that names the setting.
//!
//! Here are the settings of what this crate holds. Those of HTTP are in `api`, those of the transcoder
//! in `transcoder`; the binary composes them.

mod database;
mod event_log;
mod kafka;
mod kafka_properties;
mod secret;
mod setting_error;
mod storage;
mod telemetry;

pub use database::{DatabaseArgs, DatabaseSettings};
pub use event_log::{EventLogArgs, EventLogKind, EventLogSettings};
pub use kafka::{
    KafkaArgs, KafkaIdentity, KafkaSasl, KafkaSecurity, KafkaSettings, KafkaTls, PasswordMechanism,
};
pub use kafka_properties::KafkaProperties;
pub use secret::{Secret, SecretKey};
pub use setting_error::{SettingError, non_empty};
pub use storage::{StorageArgs, StorageSettings, is_http_url};
pub use telemetry::{LogFormat, TelemetryArgs};
