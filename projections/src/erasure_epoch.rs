//! The erasure epoch: how long a process may use what it remembers about persons.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The listener confirms at least every two seconds that it follows. After this time without a confirmation
/// the process counts as cut off.
const CUT_OFF_TIMEOUT: Duration = Duration::from_secs(6);

/// A cache epoch that advances whenever a person was erased, or may have been.
///
/// A cache of persons stores each entry with the epoch read *before* its query, and drops entries of
/// other epochs. An erasure commits before the epoch advances. So an answer from before the commit has
/// an older epoch, and a query after the advance sees the commit: no entry outlives the advance.
///
/// In a process that is cut off from the database the epoch does not advance. There cached entries are
/// valid for a short time only: see [`Self::is_followed`].
#[derive(Clone, Debug)]
pub struct ErasureEpoch(Arc<State>);

#[derive(Debug)]
struct State {
    epoch: AtomicU64,
    created: Instant,
    /// The last confirmation of the listener, in milliseconds since `created`; 0 before the first.
    confirmed: AtomicU64,
}

impl Default for ErasureEpoch {
    fn default() -> Self {
        let (epoch, confirmed) = (AtomicU64::new(0), AtomicU64::new(0));
        Self(Arc::new(State { epoch, created: Instant::now(), confirmed }))
    }
}

impl ErasureEpoch {
    /// The current epoch. Entries of any other epoch are void.
    pub fn current(&self) -> u64 {
        self.0.epoch.load(Ordering::Acquire)
    }

    /// Starts a new epoch: a person was erased, or may have been while nobody listened.
    pub fn advance(&self) {
        self.0.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether the listener follows, so that the epoch alone decides.
    pub fn is_followed(&self) -> bool {
        let confirmed = self.0.confirmed.load(Ordering::Acquire);
        let age = self.now().saturating_sub(confirmed);
        confirmed > 0 && age < CUT_OFF_TIMEOUT.as_millis() as u64
    }

    /// Confirms that the epoch covers every erasure committed before the newest notification.
    pub fn confirm_followed(&self) {
        self.0.confirmed.store(self.now().max(1), Ordering::Release);
    }

    /// Milliseconds since the epoch was created.
    fn now(&self) -> u64 {
        self.0.created.elapsed().as_millis() as u64
    }
}
