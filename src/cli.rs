//! The command line.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use infra::config::{DatabaseArgs, TelemetryArgs};

use crate::dead_letters::DeadLettersArgs;
use crate::demo::DemoArgs;
use crate::erasures::ErasuresArgs;
use crate::log::LogArgs;
use crate::operator::OperatorArgs;
use crate::rebuild::RebuildArgs;
use crate::settings::ServeArgs;
use crate::transcode_one::TranscodeOneArgs;

/// ANB Rising Stars Showcase: artists upload videos, the public votes, and the ranking follows from the
/// event log.
#[derive(Debug, Parser)]
#[command(name = "anb", version, max_term_width = 100, infer_subcommands = false)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) telemetry: TelemetryArgs,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a whole contest on this machine, with a private database in DATA_DIR
    ///
    /// Starts a private PostgreSQL in DATA_DIR, migrates its schema, creates a SECRET_KEY once, and runs
    /// all roles in one process. Ctrl-C finishes the requests in flight and stops everything; the data
    /// stay. After a crash, start it again.
    Dev(Box<ServeArgs>),

    /// Run the roles of a server with the configured database, log and storage
    ///
    /// The roles can run in one process or in several. `api` answers requests. `projector` folds the log
    /// into the read models; one process owns each partition, others stand by. `transcoder` processes
    /// videos. Ctrl-C or SIGTERM finishes the requests in flight; a second signal ends at once.
    Serve(Box<ServeArgs>),

    /// Migrate the database's schema
    Migrate(DatabaseArgs),

    /// Rebuild every read model from the log in a new generation, and switch to it
    ///
    /// Votes and reads continue meanwhile. The new generation is compared with the live one at the same
    /// position of the log. If they are equal, it becomes the live one, and the old one is kept. An
    /// interrupted rebuild is resumed by the next.
    Rebuild(RebuildArgs),

    /// Print a checksum of every read model
    Checksums(DatabaseArgs),

    /// Print events as JSON lines, or copy, export or import the log
    Log(Box<LogArgs>),

    /// List, show or redrive unreadable records
    DeadLetters(DeadLettersArgs),

    /// List erasures, and apply them again after an older backup was restored
    Erasures(ErasuresArgs),

    /// Grant or revoke the operator role, which may see the page `/operations`
    Operator(OperatorArgs),

    /// Fill a running instance with artists, videos and votes
    ///
    /// Every request goes through the public HTTP API.
    Demo(DemoArgs),

    /// Process one video (started by the transcoder, in a sandbox)
    #[command(hide = true)]
    TranscodeOne(TranscodeOneArgs),
}

/// Prints the requested help, or one line about a wrong command line. Returns the exit status.
pub(crate) fn explain(error: &clap::Error) -> ExitCode {
    if !error.use_stderr()
        || error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    {
        // Standard output may be closed.
        let _ = error.print();
        return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
    }
    let text = error.to_string();
    let about = text.split("\n\n").next().unwrap_or_default();
    let line = about.split_whitespace().collect::<Vec<_>>().join(" ");
    let _ = writeln!(io::stderr(), "anb: {}", line.trim_start_matches("error: "));
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn env_example_lists_every_setting_of_serve() {
        let example = include_str!("../.env.example");
        let cli = Cli::command();
        let serve = cli.find_subcommand("serve").unwrap();
        for arg in serve.get_arguments().chain(cli.get_arguments()) {
            let Some(name) = arg.get_env().and_then(|name| name.to_str()) else { continue };
            let listed = |line: &str| line.trim_start_matches('#').starts_with(&format!("{name}="));
            assert!(example.lines().any(listed), "{name} is missing in .env.example");
            assert_eq!(arg.get_long(), Some(name.to_lowercase().replace('_', "-").as_str()));
        }
    }
}
