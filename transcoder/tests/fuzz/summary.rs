//! The results of all cases.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use domain::event::FailureReason;
use transcoder::worker::StepOutcome;

use crate::CaseResult;

/// Counts, and the cases to be investigated.
#[derive(Default)]
pub(crate) struct FuzzSummary {
    files: u64,
    kinds: BTreeMap<&'static str, u64>,
    ends: BTreeMap<&'static str, u64>,
    /// Cases whose child ended without a last message.
    dead: Vec<u64>,
    wrong: Vec<String>,
}

impl FuzzSummary {
    pub(crate) fn add(&mut self, case: u64, kind: &'static str, result: CaseResult) {
        self.files += 1;
        *self.kinds.entry(kind).or_default() += 1;
        let steps = match result {
            CaseResult::Ended(steps) => steps,
            CaseResult::Wrong(what) => {
                self.wrong.push(format!("case {case} ({kind}): {what}"));
                return;
            }
        };
        if steps.contains(&StepOutcome::Retry(FailureReason::Internal)) {
            self.dead.push(case);
        }
        let end = match steps.last() {
            Some(StepOutcome::Processed) => "processed",
            Some(StepOutcome::Failed(reason)) => reason.code(),
            _ => "nothing",
        };
        *self.ends.entry(end).or_default() += 1;
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.files += other.files;
        other
            .kinds
            .into_iter()
            .for_each(|(kind, count)| *self.kinds.entry(kind).or_default() += count);
        other.ends.into_iter().for_each(|(end, count)| *self.ends.entry(end).or_default() += count);
        self.dead.extend(other.dead);
        self.wrong.extend(other.wrong);
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.files > 0 && self.wrong.is_empty()
    }
}

impl Display for FuzzSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |counts: &BTreeMap<&str, u64>| {
            let parts: Vec<_> =
                counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
            parts.join(", ")
        };
        let counted = |word| self.wrong.iter().filter(|what| what.contains(word)).count();
        writeln!(f, "{} files: {}", self.files, list(&self.kinds))?;
        writeln!(f, "  ends: {}", list(&self.ends))?;
        write!(
            f,
            "  escapes {}, hung workers {}, broken workers {}, files without exactly one end {}, \
             children that died {}",
            counted("escaped"),
            counted("hangs"),
            counted("broke"),
            counted("history"),
            self.dead.len(),
        )?;
        if !self.dead.is_empty() {
            write!(f, "\n  children died in cases {:?}", self.dead)?;
        }
        self.wrong.iter().try_for_each(|what| write!(f, "\n  {what}"))
    }
}
