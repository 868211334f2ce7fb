//! The one binary of the contest: reads the command line, wires the rooms together, runs what was
//! asked for. No rule and no SQL lives here.

mod backing_services;
mod checksums;
mod cli;
mod data_dir;
mod dead_letters;
mod demo;
mod dev;
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
use infra::telemetry;

use cli::{Cli, Command};

/// A vote takes and returns memory some hundred times; with the C library's allocator that was a sixth
/// of the server's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Threads for files, passwords and whatever else blocks.
const BLOCKING_THREADS: usize = 32;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cli::explain(&error),
    };
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            // Nobody may be reading; the exit status says it too.
            let _ = writeln!(io::stderr(), "anb: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    // Before there is a runtime: its sandbox wants a process with one thread.
    if let Command::TranscodeOne(args) = cli.command {
        return Ok(transcode_one::run(&args));
    }
    install_logs(&cli)?;
    // The allocator asks for huge pages; a server at rest would hold 10 MiB more for them. A kernel
    // that knows nothing of this has none to give.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Each has a stack and a heap of its own; by default there may be 512.
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .context("no threads can be started")?;
    runtime.block_on(async {
        match cli.command {
            Command::Dev(args) => dev::run(&args).await?,
            Command::Serve(args) => serve::run(&args).await?,
            Command::Migrate(args) => migrate::run(&args).await?,
            Command::Rebuild(args) => return rebuild::run(&args).await,
            Command::Checksums(args) => checksums::run(&args).await?,
            Command::Log(args) => log::run(args).await?,
            Command::DeadLetters(args) => dead_letters::run(args).await?,
            Command::Operator(args) => operator::run(&args).await?,
            Command::Demo(args) => demo::run(args).await?,
            Command::TranscodeOne(_) => {}
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// A server reports on its work; the other commands speak only of trouble.
fn install_logs(cli: &Cli) -> Result<()> {
    let TelemetryArgs { rust_log, log_format } = &cli.telemetry;
    let quiet = !matches!(cli.command, Command::Serve(_));
    // The library tells at `info` what the server thinks of "if not exists".
    let default = if quiet { "warn" } else { "info,sqlx=warn" };
    let filter = rust_log.as_deref().filter(|filter| !filter.trim().is_empty()).unwrap_or(default);
    Ok(telemetry::install_logs(filter, *log_format)?)
}

/// What went wrong and why, in one line, without saying anything twice.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if line.contains(&text) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&text);
    }
    line
}
