//! Counts how the commands of this process ended.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use metrics::Counter;

/// How often each command has ended in each way since the process started. Each counter of the metric
/// is looked up once.
#[derive(Default)]
pub(crate) struct CommandOutcomes(Mutex<BTreeMap<Labels, (u64, Counter)>>);

/// The labels `command` and `verdict`.
type Labels = (&'static str, &'static str);

impl CommandOutcomes {
    pub(crate) fn count(&self, command: &'static str, verdict: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, counter) = counts.entry((command, verdict)).or_insert_with(|| {
            let name = "anb_command_verdicts_total";
            (0, metrics::counter!(name, "command" => command, "verdict" => verdict))
        });
        *count += 1;
        counter.increment(1);
    }

    pub(crate) fn all(&self) -> BTreeMap<Labels, u64> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(labels, (count, _))| (*labels, *count)).collect()
    }
}
