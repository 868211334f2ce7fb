//! Benchmarks: ours beside a bare handler that does the least that could do the same, in one run,
//! with the same load generator, on the same machine.
//!
//! `make bench` runs everything, `make bench ONLY=votes` a part. Each part makes its own database,
//! log and contest, and prints its figures as soon as it has them. The exit status says whether
//! every floor is met. A request that is not answered as it should be ends the run.
//!
//! Never in here: a measurement without what it is compared with, a number from another machine.

mod ballots;
mod bare;
mod boards;
mod client;
mod clip;
mod contest;
mod direct;
mod load;
mod memory;
mod million;
mod nginx;
mod overload;
mod pages;
mod process;
mod rebuild;
mod report;
mod statistics;
mod streams;
mod token;
mod transcode;
mod usage;
mod visible;
mod voters;
mod votes;
mod world;
mod wrk;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use test_services::{OwnPostgres, variables};

use report::Report;

/// Measures `anb` against bare handlers.
#[derive(Parser)]
#[command(name = "bench")]
struct Cli {
    /// What to measure; everything if nothing is named
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Clone, Subcommand)]
enum What {
    /// Votes per second, verdict awaited, on each log
    Votes,
    /// From an accepted vote to the public ranking that shows it
    Visible,
    /// Pages of the ranking and of the public list per second
    Pages,
    /// Pages at a million artists, deep ones too, and the time from a start to the first
    Million,
    /// Thousands who watch a board: what each costs, and how soon they see a vote
    Streams,
    /// Boards of a million artists: positions, pages, changes, memory, time to load
    Boards,
    /// All read models from the log, a million votes
    Rebuild,
    /// Resident memory, idle and during uploads
    Memory,
    /// Four times as many votes as can be taken, and a storm of sign-ins
    Overload,
    /// A clip through the transcoder's child, the `ffmpeg` command, and moviepy
    Transcode,
    /// A contender: appends what a vote appends, and does nothing else
    #[command(hide = true)]
    BareAppend(bare::append::Args),
    /// A contender: answers every request with the same bytes
    #[command(hide = true)]
    BarePage(bare::page::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().what).await {
        Ok(code) => code,
        Err(error) => {
            // Nobody may be reading; the exit status says it too.
            let _ = writeln!(io::stderr(), "bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(what: Option<What>) -> anyhow::Result<ExitCode> {
    match what {
        Some(What::BareAppend(args)) => bare::append::serve(args).await?,
        Some(What::BarePage(args)) => bare::page::serve(args).await?,
        what => return measure(what).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// Thousands of connections are as many open files.
fn raise_open_files() -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}

async fn measure(what: Option<What>) -> anyhow::Result<ExitCode> {
    if std::env::var_os(variables::KAFKA_BROKERS).is_none() {
        bail!("there is no Kafka broker to measure with: run this through `make bench`");
    }
    raise_open_files()?;
    // Not the runner's cluster: that one is told not to wait for the disk.
    let postgres = OwnPostgres::start().await.context("PostgreSQL")?;
    let mut report = Report::begin()?;
    let all = what.is_none();
    if all || matches!(what, Some(What::Votes)) {
        votes::measure(&postgres, &mut report).await.context("votes")?;
    }
    if all || matches!(what, Some(What::Visible)) {
        visible::measure(&postgres, &mut report).await.context("visible")?;
    }
    if all || matches!(what, Some(What::Pages)) {
        pages::measure(&postgres, &mut report).await.context("pages")?;
    }
    if all || matches!(what, Some(What::Million)) {
        million::measure(&postgres, &mut report).await.context("million")?;
    }
    if all || matches!(what, Some(What::Streams)) {
        streams::measure(&postgres, &mut report).await.context("streams")?;
    }
    if all || matches!(what, Some(What::Boards)) {
        boards::measure(&postgres, &mut report).await.context("boards")?;
    }
    if all || matches!(what, Some(What::Rebuild)) {
        rebuild::measure(&postgres, &mut report).await.context("rebuild")?;
    }
    if all || matches!(what, Some(What::Memory)) {
        memory::measure(&postgres, &mut report).await.context("memory")?;
    }
    if all || matches!(what, Some(What::Overload)) {
        overload::measure(&postgres, &mut report).await.context("overload")?;
    }
    if all || matches!(what, Some(What::Transcode)) {
        transcode::measure(&mut report).context("transcode")?;
    }
    report.end()
}
