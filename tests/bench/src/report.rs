//! Prints one line per figure, as soon as it is measured.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;

use crate::statistics::{median, percentile};

/// The bound that a figure must meet.
#[derive(Clone, Copy)]
pub(crate) enum Floor {
    /// Lower bound of the ratio `ours / theirs`.
    Ratio(f64),
    /// Upper bound of the ratio `ours / theirs`.
    RatioAtMost(f64),
    /// Upper bound of `ours`.
    AtMost(f64),
}

/// One line of the report.
pub(crate) struct Figure<'a> {
    pub(crate) what: &'a str,
    pub(crate) unit: &'a str,
    /// Medians of rounds.
    pub(crate) ours: f64,
    pub(crate) theirs: Option<f64>,
    pub(crate) floor: Option<Floor>,
    /// The ranges of the rounds.
    pub(crate) rounds: String,
}

pub(crate) struct Report {
    missed: usize,
}

impl Report {
    /// Prints the machine.
    pub(crate) fn begin() -> Result<Self> {
        let cores = std::thread::available_parallelism()?;
        say(format_args!("{cores} cores, {}, {} of memory", processor(), memory()))?;
        say("the load generator, the servers, Kafka and PostgreSQL share these cores")?;
        Ok(Self { missed: 0 })
    }

    /// Starts a section.
    pub(crate) fn section(&self, title: &str, parameters: &str) -> Result<()> {
        say(format_args!("\n{title}"))?;
        say(format_args!("  {parameters}"))?;
        say(format_args!(
            "  {:<58} {:>8} {:>8} {:>6} {:>8}",
            "", "ours", "theirs", "ratio", "floor"
        ))
    }

    /// Prints a remark.
    pub(crate) fn note(&self, text: &str) -> Result<()> {
        say(format_args!("\n{text}"))
    }

    pub(crate) fn figure(&mut self, figure: &Figure<'_>) -> Result<()> {
        let ratio = figure.theirs.map(|theirs| figure.ours / theirs);
        let met = match (figure.floor, ratio) {
            (None, _) => None,
            (Some(Floor::Ratio(floor)), ratio) => Some(ratio.is_some_and(|ratio| ratio >= floor)),
            (Some(Floor::RatioAtMost(most)), ratio) => {
                Some(ratio.is_some_and(|ratio| ratio <= most))
            }
            (Some(Floor::AtMost(most)), _) => Some(figure.ours <= most),
        };
        let floor = match figure.floor {
            None => String::new(),
            Some(Floor::Ratio(floor)) => format!(">= {floor:.2}"),
            Some(Floor::RatioAtMost(most)) => format!("<= {most:.2}"),
            Some(Floor::AtMost(most)) => format!("<= {most}"),
        };
        let verdict = match met {
            None => "",
            Some(true) => "met",
            Some(false) => "NOT MET",
        };
        self.missed += usize::from(met == Some(false));
        say(format_args!(
            "  {:<58} {:>8} {:>8} {:>6} {floor:>8}  {verdict:<8} {}",
            format!("{}, {}", figure.what, figure.unit),
            number(figure.ours),
            figure.theirs.map(number).unwrap_or_default(),
            ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            figure.rounds,
        ))
    }

    /// Prints the number of missed floors. Returns the exit status.
    pub(crate) fn end(self) -> Result<ExitCode> {
        if self.missed > 0 {
            say(format_args!("\n{} figures miss their floor", self.missed))?;
            return Ok(ExitCode::FAILURE);
        }
        say("\nevery floor is met")?;
        Ok(ExitCode::SUCCESS)
    }
}

impl<'a> Figure<'a> {
    /// A figure without a baseline.
    pub(crate) fn alone(what: &'a str, unit: &'a str, ours: f64) -> Self {
        Self { what, unit, ours, theirs: None, floor: None, rounds: String::new() }
    }

    /// Medians of rates per second, ours beside theirs.
    pub(crate) fn rate(what: &'a str, ours: &[f64], theirs: &[f64]) -> Self {
        Self {
            theirs: Some(median(theirs)),
            rounds: format!("({} : {})", range(ours), range(theirs)),
            ..Self::alone(what, "per s", median(ours))
        }
    }

    /// A figure beside its baseline.
    pub(crate) fn beside(what: &'a str, unit: &'a str, ours: f64, theirs: f64) -> Self {
        Self { theirs: Some(theirs), ..Self::alone(what, unit, ours) }
    }

    pub(crate) fn with_floor(self, floor: Floor) -> Self {
        Self { floor: Some(floor), ..self }
    }
}

/// The slowest and the fastest round.
fn range(rounds: &[f64]) -> String {
    format!("{}–{}", number(percentile(rounds, 0.0)), number(percentile(rounds, 1.0)))
}

fn say(line: impl std::fmt::Display) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Formats numbers from 100 on without decimals, in groups of three digits.
fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "unknown processor".to_owned(), |(_, name)| name.to_owned())
}

fn memory() -> String {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|total| total.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map_or_else(|| "unknown size".to_owned(), |kib| format!("{} GiB", kib >> 20))
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_from_100_on_are_grouped_and_have_no_decimals() {
        let read = [0.25, 99.94, 100.0, 999.6, 12_345.0, 1_234_567.0].map(number);
        assert_eq!(read, ["0.25", "99.9", "100", "1,000", "12,345", "1,234,567"]);
    }
}
