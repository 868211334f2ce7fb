//! `simulation`: replays one seed, or searches many for violations.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use simulation::{PlantedBug, run, search_seeds};

/// Runs the write side of the contest on simulated services.
#[derive(Parser)]
struct Args {
    /// Replays this seed and prints its trace.
    #[arg(long, conflicts_with_all = ["seeds", "minutes"])]
    seed: Option<u64>,
    /// How many seeds to run.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// Runs new seeds for this many minutes instead.
    #[arg(long)]
    minutes: Option<u64>,
    /// The first seed; by default 0, with `--minutes` derived from the current time.
    #[arg(long)]
    first: Option<u64>,
    /// Plants a bug into a simulated adapter.
    #[arg(long)]
    plant: Option<PlantedBug>,
    /// How many seeds run at the same time.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() -> io::Result<ExitCode> {
    let args = Args::parse();
    match args.seed {
        Some(seed) => replay(seed, args.plant),
        None => explore(&args),
    }
}

fn replay(seed: u64, planted: Option<PlantedBug>) -> io::Result<ExitCode> {
    let outcome = run(seed, planted, true);
    let mut out = io::stdout().lock();
    match outcome {
        Ok(summary) => writeln!(out, "seed {seed}: everything holds. {summary:?}")?,
        Err(failure) => {
            writeln!(out, "{failure}")?;
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn explore(args: &Args) -> io::Result<ExitCode> {
    let began = Instant::now();
    let until = args.minutes.map(|minutes| began + Duration::from_secs(60 * minutes));
    let now = || chrono::Utc::now().timestamp().unsigned_abs() * 1_000_000;
    let first = args.first.unwrap_or_else(|| args.minutes.map_or(0, |_| now()));
    let goes_on = |number| match until {
        Some(until) => Instant::now() < until,
        None => number < args.seeds,
    };
    let search = search_seeds(first, args.plant, args.threads, goes_on);
    let seconds = began.elapsed().as_secs_f64();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} seeds from {first} on in {seconds:.1} s ({:.0} a second), {} records, {} replies",
        search.seeds,
        search.seeds as f64 / seconds,
        search.records,
        search.replies,
    )?;
    let Some(found) = search.found else { return Ok(ExitCode::SUCCESS) };
    writeln!(out, "after {} seeds: {}", found.after, found.failure)?;
    Ok(ExitCode::FAILURE)
}
