//! Settings: each is a command-line flag and an environment variable.
//!
//! clap reads text and numbers (the `…Args` types, which the subcommands that need them flatten). Their
//! `parse` checks that the settings belong together. Every mistake is one line that names the setting.
//!
//! Here are the settings of what this crate holds. Those of HTTP are in `api`, those of the transcoder
//! in `transcoder`; the binary composes them.

mod database;
mod event_log;
mod secret;
mod storage;
mod telemetry;

pub use database::{DatabaseArgs, DatabaseSettings};
pub use event_log::{EventLogArgs, EventLogSettings};
pub use secret::{Secret, SecretKey};
pub use storage::{StorageArgs, StorageSettings, is_http_url};
pub use telemetry::{LogFormat, TelemetryArgs};

/// A setting that is missing, makes no sense, or contradicts another: one line for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingError(String);

impl SettingError {
    /// An error with this text, which starts with the name of the setting.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The setting `name` has no value, and `why` it needs one.
    pub fn missing(name: &str, why: &str) -> Self {
        Self(format!("{name} is not set: {why}"))
    }
}

/// The trimmed text; `None` if nothing is left. An empty variable counts as unset: files of settings
/// often leave a name without a value.
pub fn non_empty(value: Option<&str>) -> Option<String> {
    value.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}
