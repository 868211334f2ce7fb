//! The composition root of the binary: parses the command line, wires the crates, runs the command.
//!
//! Not here: a rule of the contest, a statement on a table.

mod backing_services;
mod checksums;
mod cli;
mod data_dir;
mod dead_letters;
mod demo;
mod dev;
mod erasures;
mod log;
mod migrate;
mod operator;
mod output;
mod rebuild;
mod roles;
mod serve;
mod settings;
mod shutdown;
mod transcode_one;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use infra::config::TelemetryArgs;
use infra::error_chain::error_chain;
use infra::telemetry;

use cli::{Cli, Command};

/// A vote allocates about a hundred times. glibc's allocator took a sixth of the server's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Threads for file access and password hashing. Each has a stack and a heap; tokio's default is 512.
const MAX_BLOCKING_THREADS: usize = 32;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cli::explain(&error),
    };
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            // Standard error may be closed. The exit status reports the failure too.
            let _ = writeln!(io::stderr(), "anb: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    // Before the runtime starts: the sandbox needs a process with a single thread.
    if let Command::TranscodeOne(args) = cli.command {
        return Ok(transcode_one::run(&args));
    }
    install_logs(&cli)?;
    // With huge pages, an idle server takes 10 MiB more. Older kernels lack the call.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .build()
        .context("cannot start threads")?;
    runtime.block_on(async {
        match cli.command {
            Command::Dev(args) => dev::run(&args).await?,
            Command::Serve(args) => serve::run(&args).await?,
            Command::Migrate(args) => migrate::run(&args).await?,
            Command::Rebuild(args) => rebuild::run(&args).await?,
            Command::Checksums(args) => checksums::run(&args).await?,
            Command::Log(args) => log::run(*args).await?,
            Command::DeadLetters(args) => dead_letters::run(args).await?,
            Command::Erasures(args) => erasures::run(&args).await?,
            Command::Operator(args) => operator::run(&args).await?,
            Command::Demo(args) => demo::run(args).await?,
            Command::TranscodeOne(_) => {}
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Installs the log output. Servers log from `info` on, other commands from `warn` on.
fn install_logs(cli: &Cli) -> Result<()> {
    let TelemetryArgs { rust_log, log_format } = &cli.telemetry;
    let quiet = !matches!(cli.command, Command::Serve(_));
    // sqlx logs PostgreSQL's notices about `if not exists` at `info`.
    let default = if quiet { "warn" } else { "info,sqlx=warn" };
    let filter = rust_log.as_deref().filter(|filter| !filter.trim().is_empty()).unwrap_or(default);
    Ok(telemetry::install_logs(filter, *log_format)?)
}

/// The error and its causes in one line.
fn one_line(error: &anyhow::Error) -> String {
    error_chain(error.as_ref()).split_whitespace().collect::<Vec<_>>().join(" ")
}
