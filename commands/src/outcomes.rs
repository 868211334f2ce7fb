//! What became of this process's commands.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How often each command has ended in each way, since the process started. Both are fixed words, so
/// there are not many.
#[derive(Default)]
pub(crate) struct Outcomes(Mutex<BTreeMap<(&'static str, &'static str), u64>>);

impl Outcomes {
    pub(crate) fn count(&self, command: &'static str, verdict: &'static str) {
        metrics::counter!("anb_command_verdicts_total", "command" => command, "verdict" => verdict)
            .increment(1);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((command, verdict)).or_default() += 1;
    }

    pub(crate) fn all(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
