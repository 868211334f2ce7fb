//! What became of this process's commands.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use metrics::Counter;

/// How often each command has ended in each way, since the process started. There are not many, and
/// each has its counter looked up only once.
#[derive(Default)]
pub(crate) struct Outcomes(Mutex<BTreeMap<Kind, (u64, Counter)>>);

/// A command and its verdict: both are fixed words.
type Kind = (&'static str, &'static str);

impl Outcomes {
    pub(crate) fn count(&self, command: &'static str, verdict: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, counter) = counts.entry((command, verdict)).or_insert_with(|| {
            let name = "anb_command_verdicts_total";
            (0, metrics::counter!(name, "command" => command, "verdict" => verdict))
        });
        *count += 1;
        counter.increment(1);
    }

    pub(crate) fn all(&self) -> BTreeMap<Kind, u64> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(what, (count, _))| (*what, *count)).collect()
    }
}
