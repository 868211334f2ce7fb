//! Configuration: every setting is a command-line flag and an environment variable.
//!
//! clap reads text and numbers (the `…Args` types, flattened into the subcommands that need them);
//! [`Args::parse`](ServeArgs::parse) makes of them settings in which nothing contradicts anything. Every mistake is one
//! line that names the setting.

mod database;
mod event_log;
mod http;
mod roles;
mod secret;
mod serve;
mod storage;
mod telemetry;

pub use database::{DatabaseArgs, DatabaseSettings};
pub use event_log::{EventLogArgs, EventLogSettings};
pub use http::{CorsOrigins, HttpArgs, HttpSettings};
pub use roles::{Role, Roles};
pub use secret::{Secret, SecretKey};
pub use serve::{ServeArgs, Settings};
pub use storage::{StorageArgs, StorageSettings};
pub use telemetry::{LogFormat, TelemetryArgs};

/// A setting that is missing, makes no sense, or contradicts another: one line for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingError(String);

impl SettingError {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    fn missing(name: &str, why: &str) -> Self {
        Self(format!("{name} is not set: {why}"))
    }
}

/// An empty variable is an unset one: files of settings often leave a name without a value.
fn filled(value: Option<String>) -> Option<String> {
    value.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
