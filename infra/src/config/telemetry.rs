//! Settings of logging.

/// Flags about logging.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Logging")]
pub struct TelemetryArgs {
    /// What to log, as in `info` or `warn,projections=debug` [default: info; dev: warn]
    #[arg(long, env, hide_env_values = true, global = true)]
    pub rust_log: Option<String>,

    /// How to log, on standard error
    #[arg(long, env, hide_env_values = true, default_value = "text", global = true)]
    pub log_format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}
