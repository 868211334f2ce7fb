//! `simulation`: replays one seed, or runs as many as one likes.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use simulation::{Plant, run, sweep};

/// Runs the write side of the contest in a simulated world.
#[derive(Parser)]
struct Args {
    /// Replays this seed and shows what happens.
    #[arg(long, conflicts_with_all = ["seeds", "minutes"])]
    seed: Option<u64>,
    /// Runs so many seeds.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// Runs new seeds for so many minutes instead.
    #[arg(long)]
    minutes: Option<u64>,
    /// The first of many seeds; with `--minutes`, the time of day, unless given.
    #[arg(long)]
    first: Option<u64>,
    /// Plants a bug into a simulated adapter.
    #[arg(long)]
    plant: Option<Plant>,
    /// How many seeds are run at once.
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

fn replay(seed: u64, plant: Option<Plant>) -> io::Result<ExitCode> {
    let outcome = run(seed, plant, true);
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
    let swept = sweep(first, args.plant, args.threads, goes_on);
    let seconds = began.elapsed().as_secs_f64();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} seeds from {first} on in {seconds:.1} s ({:.0} a second), {} records, {} answers",
        swept.seeds,
        swept.seeds as f64 / seconds,
        swept.records,
        swept.answers,
    )?;
    let Some(found) = swept.found else { return Ok(ExitCode::SUCCESS) };
    writeln!(out, "after {} seeds: {}", found.after, found.failure)?;
    Ok(ExitCode::FAILURE)
}
