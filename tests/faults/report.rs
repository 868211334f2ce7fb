//! The figures of a run, for people.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::caller::Tally;
use super::facts::Facts;
use super::history::Entry;
use super::nemesis::Nemesis;

pub(crate) struct Report<'a> {
    pub(crate) seed: u64,
    pub(crate) lasted: Duration,
    /// The longest time after a fault until somebody succeeded.
    pub(crate) slowest: Duration,
    /// How often processes were started.
    pub(crate) starts: usize,
    pub(crate) nemesis: &'a Nemesis,
    pub(crate) tally: &'a Tally,
    pub(crate) history: &'a [Entry],
    pub(crate) facts: &'a Facts,
}

impl Report<'_> {
    pub(crate) fn print(&self) {
        println!(
            "\nseed {}: {} faults in {:.0} s, {} process starts, recovered after {:.1} s at most",
            self.seed,
            self.nemesis.count(),
            self.lasted.as_secs_f64(),
            self.starts,
            self.slowest.as_secs_f64(),
        );
        for (kind, count) in &self.nemesis.faults {
            println!("  {kind:<24} {count:>6}");
        }
        println!("acts, as they were told in the end");
        let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
        for entry in self.history {
            let outcome = format!("{}, {}", entry.act.name(), entry.told.name());
            *outcomes.entry(outcome).or_default() += 1;
        }
        for (outcome, count) in outcomes {
            println!("  {outcome:<24} {count:>6}");
        }
        let count = |counter: &std::sync::atomic::AtomicUsize| counter.load(Ordering::Relaxed);
        let (answered, later, away, broken) = (
            count(&self.tally.answered),
            count(&self.tally.postponed),
            count(&self.tally.turned_away),
            count(&self.tally.broken),
        );
        let served = answered + later;
        println!(
            "requests: {answered} answered, {later} given a token (202), {away} told to retry (503), \
             {broken} without an answer: {:.1} % available",
            100.0 * served as f64 / (served + away + broken).max(1) as f64
        );
        let Facts { videos, votes, objects, swept, .. } = self.facts;
        println!(
            "{} votes counted; {} videos, {} of them failed; {} objects, {swept} more swept away",
            votes.len(),
            videos.len(),
            videos.values().filter(|video| video.status == "failed").count(),
            objects.len(),
        );
    }
}
