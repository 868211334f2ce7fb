//! The report of a run.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::final_state::FinalState;
use super::history::Entry;
use super::http_caller::RequestCounts;
use super::nemesis::Nemesis;

pub(crate) struct RunReport<'a> {
    pub(crate) seed: u64,
    pub(crate) duration: Duration,
    /// The longest time from a fault to the next success of a client.
    pub(crate) slowest_recovery: Duration,
    /// Number of process starts.
    pub(crate) starts: usize,
    pub(crate) nemesis: &'a Nemesis,
    pub(crate) counts: &'a RequestCounts,
    pub(crate) history: &'a [Entry],
    pub(crate) state: &'a FinalState,
}

impl RunReport<'_> {
    pub(crate) fn print(&self) {
        println!(
            "\nseed {}: {} faults in {:.0} s, {} process starts, recovered after {:.1} s at most",
            self.seed,
            self.nemesis.count(),
            self.duration.as_secs_f64(),
            self.starts,
            self.slowest_recovery.as_secs_f64(),
        );
        for (kind, count) in &self.nemesis.faults {
            println!("  {kind:<24} {count:>6}");
        }
        println!("operations and their final replies");
        let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
        for entry in self.history {
            let outcome = format!("{}, {}", entry.operation.name(), entry.reply.name());
            *outcomes.entry(outcome).or_default() += 1;
        }
        for (outcome, count) in outcomes {
            println!("  {outcome:<24} {count:>6}");
        }
        let count = |counter: &std::sync::atomic::AtomicUsize| counter.load(Ordering::Relaxed);
        let (answered, pending, unavailable, unanswered) = (
            count(&self.counts.answered),
            count(&self.counts.pending),
            count(&self.counts.unavailable),
            count(&self.counts.unanswered),
        );
        let served = answered + pending;
        println!(
            "requests: {answered} answered, {pending} given a token (202), {unavailable} told to retry (503), \
             {unanswered} without an answer: {:.1} % available",
            100.0 * served as f64 / (served + unavailable + unanswered).max(1) as f64
        );
        let FinalState { videos, votes, objects, swept, .. } = self.state;
        println!(
            "{} votes counted; {} videos, {} of them failed; {} objects, {swept} more swept away",
            votes.len(),
            videos.len(),
            videos.values().filter(|video| video.status == "failed").count(),
            objects.len(),
        );
    }
}
