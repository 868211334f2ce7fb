//! How long what a process remembers of people holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// A listener hears something, or looks for itself, every two seconds. After so long without either it
/// is cut off.
const CUT_OFF: Duration = Duration::from_secs(6);

/// Counts the moments at which somebody was erased, or may have been.
///
/// Whoever remembers that a person is there remembers it together with the count that stood *before*
/// they asked, and forgets it when the count has moved. An erasure is committed before it is noted:
/// an answer from before the commit carries an older count, and a question asked after the note sees
/// the commit. So nothing remembered outlives the note, also if it was on its way meanwhile.
///
/// In a process that is cut off from the database nothing is noted, so what is remembered there holds
/// only for a while: see [`Self::is_followed`].
#[derive(Clone, Debug)]
pub struct ErasureEpoch(Arc<News>);

#[derive(Debug)]
struct News {
    count: AtomicU64,
    began: Instant,
    /// When somebody last listened successfully, in milliseconds since `began`; 0 if nobody has yet.
    heard: AtomicU64,
}

impl Default for ErasureEpoch {
    fn default() -> Self {
        let (count, heard) = (AtomicU64::new(0), AtomicU64::new(0));
        Self(Arc::new(News { count, began: Instant::now(), heard }))
    }
}

impl ErasureEpoch {
    /// Everything that is remembered under another count is void.
    pub fn current(&self) -> u64 {
        self.0.count.load(Ordering::Acquire)
    }

    /// Somebody was erased, or may have been while nobody told us.
    pub fn advance(&self) {
        self.0.count.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether this process hears of erasures, so that the count is all that matters.
    pub fn is_followed(&self) -> bool {
        let heard = self.0.heard.load(Ordering::Acquire);
        heard > 0 && self.now().saturating_sub(heard) < CUT_OFF.as_millis() as u64
    }

    /// Whatever was committed before the newest thing that was heard has been noted.
    pub fn confirm_followed(&self) {
        self.0.heard.store(self.now().max(1), Ordering::Release);
    }

    fn now(&self) -> u64 {
        self.0.began.elapsed().as_millis() as u64
    }
}
