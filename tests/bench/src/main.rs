//! Benchmarks: `anb` beside a baseline, in one run, with the same load generator, on the same machine.
//!
//! `make bench` runs every part, `make bench ONLY=votes` one. Each part creates its own database, log
//! and contest, and prints each figure as soon as it is measured. The exit status says whether every
//! floor is met. An unexpected answer ends the run.
//!
//! Not here: a measurement without a baseline or a floor, a figure from another machine.

mod ballots;
mod bare;
mod boards;
mod client;
mod clip;
mod deployment;
mod fill;
mod load;
mod memory;
mod million;
mod nginx;
mod overload;
mod pages;
mod process;
mod rebuild;
mod report;
mod resident;
mod statistics;
mod streams;
mod token;
mod transcode;
mod usage;
mod visible;
mod voters;
mod votes;
mod wrk;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use test_services::{OwnPostgres, variables};

use report::Report;

/// Measures `anb` beside baselines.
#[derive(Parser)]
#[command(name = "bench")]
struct Cli {
    /// What to measure [default: everything]
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Clone, Subcommand)]
enum What {
    #[command(flatten)]
    Part(Part),
    #[command(flatten)]
    Helper(Helper),
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Part {
    /// Votes per second on each log, each answered with its verdict
    Votes,
    /// The time from an accepted vote to the public ranking that shows it
    Visible,
    /// Pages of the ranking and of the public list per second
    Pages,
    /// Pages at a million artists, deep ones too, and the time from the start to ready
    Million,
    /// Thousands of live subscribers: memory of each, and the delay until each sees a vote
    Streams,
    /// Boards of a million artists: positions, pages, changes, memory, time to load
    Boards,
    /// A rebuild of all read models from a million votes
    Rebuild,
    /// Resident memory, idle and during uploads
    Memory,
    /// Four times as many voters as the server can serve, and a storm of logins
    Overload,
    /// A clip through the transcoder's child, the `ffmpeg` command, and moviepy
    Transcode,
}

/// Processes that the parts start.
#[derive(Clone, Subcommand)]
enum Helper {
    /// Serve the baseline of votes
    #[command(hide = true)]
    BareAppend(bare::append::Args),
    /// Serve the baseline of pages
    #[command(hide = true)]
    BarePage(bare::page::Args),
    /// Fill the log with a large contest
    #[command(hide = true)]
    FillLog(fill::Args),
}

impl Part {
    const ALL: [Self; 10] = [
        Self::Votes,
        Self::Visible,
        Self::Pages,
        Self::Million,
        Self::Streams,
        Self::Boards,
        Self::Rebuild,
        Self::Memory,
        Self::Overload,
        Self::Transcode,
    ];

    async fn measure(self, postgres: &OwnPostgres, report: &mut Report) -> anyhow::Result<()> {
        match self {
            Self::Votes => votes::measure(postgres, report).await,
            Self::Visible => visible::measure(postgres, report).await,
            Self::Pages => pages::measure(postgres, report).await,
            Self::Million => million::measure(postgres, report).await,
            Self::Streams => streams::measure(postgres, report).await,
            Self::Boards => boards::measure(postgres, report).await,
            Self::Rebuild => rebuild::measure(postgres, report).await,
            Self::Memory => memory::measure(postgres, report).await,
            Self::Overload => overload::measure(postgres, report).await,
            Self::Transcode => transcode::measure(report),
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().what).await {
        Ok(code) => code,
        Err(error) => {
            // Standard error may be closed. The exit status reports the failure too.
            let _ = writeln!(io::stderr(), "bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(what: Option<What>) -> anyhow::Result<ExitCode> {
    match what {
        None => return measure(&Part::ALL).await,
        Some(What::Part(part)) => return measure(&[part]).await,
        Some(What::Helper(Helper::BareAppend(args))) => bare::append::serve(args).await?,
        Some(What::Helper(Helper::BarePage(args))) => bare::page::serve(args).await?,
        Some(What::Helper(Helper::FillLog(args))) => fill::run(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Raises the limit of open files to what the system allows: each connection is one.
fn raise_open_files() -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}

async fn measure(parts: &[Part]) -> anyhow::Result<ExitCode> {
    if std::env::var_os(variables::KAFKA_BROKERS).is_none() {
        bail!("{} is not set: run the benchmarks through `make bench`", variables::KAFKA_BROKERS);
    }
    raise_open_files()?;
    // A cluster of its own, because the shared one does not wait for the disk.
    let postgres = OwnPostgres::start().await.context("PostgreSQL")?;
    let mut report = Report::begin()?;
    for part in parts {
        let measured = part.measure(&postgres, &mut report).await;
        measured.with_context(|| format!("{part:?}").to_lowercase())?;
    }
    report.end()
}
