//! `anb log`: prints events, and moves the log.

mod copy;
mod export;
mod filter;
mod import;
pub(crate) mod line;
mod print;
mod progress;
mod stop;

use anyhow::Result;

/// Arguments of `log`.
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct LogArgs {
    #[command(flatten)]
    print: print::PrintArgs,

    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Action {
    /// Copy the log to another log: to Kafka, to PostgreSQL, or to more partitions
    ///
    /// Order within a stream, event ids, headers and original times are kept. The target must be empty, or
    /// hold what an earlier copy appended: only missing records are appended. In the end both logs are
    /// compared by a hash of each stream. Votes may come in meanwhile; a second run copies the rest.
    Copy(Box<copy::CopyArgs>),

    /// Write all records of the log to a file, as JSON lines
    Export(export::ExportArgs),

    /// Append the records of an export to the log
    ///
    /// The log must be empty, or hold a part of the same export: only missing records are appended. The
    /// whole file is checked before the first append.
    Import(import::ImportArgs),
}

pub(crate) async fn run(args: LogArgs) -> Result<()> {
    match args.action {
        None => print::run(args.print).await,
        Some(Action::Copy(args)) => copy::run(&args).await,
        Some(Action::Export(args)) => export::run(&args).await,
        Some(Action::Import(args)) => import::run(&args).await,
    }
}
