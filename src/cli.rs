//! The command line.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use infra::config::{DatabaseArgs, TelemetryArgs};

use crate::dead_letters::DeadLettersArgs;
use crate::demo::DemoArgs;
use crate::log::LogArgs;
use crate::operator::OperatorArgs;
use crate::rebuild::RebuildArgs;
use crate::settings::ServeArgs;
use crate::transcode_one::TranscodeOneArgs;

/// The ANB Rising Stars Showcase: artists upload a video, the public votes, everybody sees the
/// ranking, and the log explains it.
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
    /// Hold a contest on this machine: brings its own database, keeps everything in DATA_DIR
    ///
    /// Starts a private PostgreSQL below DATA_DIR, brings its schema up to date, makes a SECRET_KEY
    /// once, and plays all roles in one process. Ctrl-C finishes what is under way and stops
    /// everything; the data stay. After a crash, just start it again.
    Dev(Box<ServeArgs>),

    /// Serve with the database, log and storage that the settings name
    ///
    /// The roles can run in one process or in many: `api` answers requests, `projector` folds the
    /// log into the read models (one process at a time per partition; others stand by), `transcoder`
    /// processes videos. Ctrl-C or SIGTERM finishes what is under way; a second one ends at once.
    Serve(Box<ServeArgs>),

    /// Bring the database's schema up to date
    Migrate(DatabaseArgs),

    /// Rebuild every read model from the log, beside the live ones, and switch
    ///
    /// Everything goes on meanwhile. The new generation is compared with the live one at one point of
    /// the log, and takes its place if they are the same; the old one is kept. Killed in the middle,
    /// the next rebuild goes on from there.
    Rebuild(RebuildArgs),

    /// Print a checksum of every read model
    Checksums(DatabaseArgs),

    /// Print events as JSON lines
    Log(LogArgs),

    /// List, show or append again records that could not be read
    DeadLetters(DeadLettersArgs),

    /// Say who is an operator: who may see the page `/operations`
    Operator(OperatorArgs),

    /// Fill a running instance with artists, videos and votes
    ///
    /// Every request goes through the public HTTP API.
    Demo(DemoArgs),

    /// Process one video (started by the transcoder, in a sandbox)
    #[command(hide = true)]
    TranscodeOne(TranscodeOneArgs),
}

/// Says what is wrong with a command line, in one line; or prints the help that was asked for.
pub(crate) fn explain(error: &clap::Error) -> ExitCode {
    if !error.use_stderr()
        || error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    {
        // Nothing can be done about a terminal that takes no text.
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
    fn every_setting_of_serve_stands_in_the_example() {
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
