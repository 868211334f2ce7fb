//! Where a run's chances come from, and what keeps it repeatable.
//!
//! Every actor (a client, a projector, the nemesis, …) has a lane: a generator of its own, derived
//! from the run's seed, and moments of virtual time that no other actor shares. So the order in which
//! actors meet is decided by seeds alone, even where production code wakes several of them at once
//! in the order of a hash map.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

/// More than there are actors. Moments are milliseconds, the grain of the runtime's clock.
const LANES: u64 = 32;

tokio::task_local! {
    static CURRENT: Arc<Lane>;
}

/// One actor's chances and moments. It outlives the actor's crashes.
pub(crate) struct Lane {
    number: u64,
    began: Instant,
    state: Mutex<State>,
}

struct State {
    dice: StdRng,
    taken: BTreeSet<u64>,
}

impl Lane {
    pub(crate) fn new(seed: u64, number: u64, began: Instant) -> Arc<Self> {
        assert!(number < LANES, "more actors than lanes");
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&number.to_le_bytes());
        let state = State { dice: StdRng::from_seed(bytes), taken: BTreeSet::new() };
        Arc::new(Self { number, began, state: Mutex::new(state) })
    }

    /// Runs `future` with this lane as its own.
    pub(crate) fn run<F: Future>(
        self: &Arc<Self>,
        future: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(Arc::clone(self), future)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves a moment of this lane, at least `after` from now.
    fn moment(&self, after: u64) -> Instant {
        let mut state = self.lock();
        let now = self.began.elapsed().as_millis() as u64;
        state.taken = state.taken.split_off(&now);
        let mut at = (now + after) / LANES * LANES + self.number;
        while at <= now || state.taken.contains(&at) {
            at += LANES;
        }
        state.taken.insert(at);
        self.began + Duration::from_millis(at)
    }
}

fn with<T>(otherwise: T, draw: impl FnOnce(&Lane) -> T) -> T {
    // What production code spawns by itself has no lane, and no luck either.
    let mut draw = Some(draw);
    CURRENT.try_with(|lane| draw.take().map(|draw| draw(lane))).ok().flatten().unwrap_or(otherwise)
}

/// A number below `end`.
pub(crate) fn below(end: u64) -> u64 {
    with(0, |lane| lane.lock().dice.random_range(0..end.max(1)))
}

/// True with this probability.
pub(crate) fn chance(probability: f64) -> bool {
    with(false, |lane| lane.lock().dice.random_bool(probability.clamp(0.0, 1.0)))
}

/// One of several.
pub(crate) fn pick<T: Clone>(from: &[T]) -> Option<T> {
    from.get(below(from.len() as u64) as usize).cloned()
}

/// A moment at most about `most` milliseconds from now.
pub(crate) fn moment(most: u64) -> Instant {
    let after = below(most + 1);
    with(Instant::now(), |lane| lane.moment(after))
}

/// Lets others go first, for about `most` milliseconds at most.
pub(crate) async fn pause(most: u64) {
    let until = moment(most);
    tokio::time::sleep_until(until).await;
}

/// The lane itself, for what acts on behalf of this actor in another task.
pub(crate) fn current() -> Option<Arc<Lane>> {
    CURRENT.try_with(Arc::clone).ok()
}
