//! How long what a process remembers of people holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the moments at which somebody was erased, or may have been.
///
/// Whoever remembers that a person is there remembers it together with the count that stood *before*
/// they asked, and forgets it when the count has moved. An erasure is committed before it is noted:
/// an answer from before the commit carries an older count, and a question asked after the note sees
/// the commit. So nothing remembered outlives the note, also if it was on its way meanwhile.
#[derive(Clone, Debug, Default)]
pub struct Erasures(Arc<AtomicU64>);

impl Erasures {
    /// Everything that is remembered under another count is void.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Somebody was erased, or may have been while nobody told us.
    pub fn note(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}
