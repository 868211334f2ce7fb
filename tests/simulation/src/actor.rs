//! Randomness and time slots per actor: they make a run repeatable.
//!
//! An actor is a client, a projector, the nemesis, …. It has its own random generator, derived from the
//! run's seed, and its own slots of virtual time. So the seed alone decides the order of the actors,
//! even where production code wakes several of them in the order of a hash map.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

/// Bounds the number of actors. A slot is one millisecond, the resolution of the runtime's clock.
const MAX_ACTORS: u64 = 32;

tokio::task_local! {
    static CURRENT: Arc<Actor>;
}

/// One actor's random generator and time slots. They outlive a crash of its process.
pub(crate) struct Actor {
    number: u64,
    began: Instant,
    state: Mutex<State>,
}

struct State {
    rng: StdRng,
    taken: BTreeSet<u64>,
}

impl Actor {
    pub(crate) fn new(seed: u64, number: u64, began: Instant) -> Arc<Self> {
        assert!(number < MAX_ACTORS, "more actors than time slots");
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&number.to_le_bytes());
        let state = State { rng: StdRng::from_seed(bytes), taken: BTreeSet::new() };
        Arc::new(Self { number, began, state: Mutex::new(state) })
    }

    /// Runs `future` as this actor.
    pub(crate) fn run<F: Future>(
        self: &Arc<Self>,
        future: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(Arc::clone(self), future)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves a slot of this actor, at least `after` milliseconds from now.
    fn time_slot(&self, after: u64) -> Instant {
        let mut state = self.lock();
        let now = self.began.elapsed().as_millis() as u64;
        state.taken = state.taken.split_off(&now);
        let mut at = (now + after) / MAX_ACTORS * MAX_ACTORS + self.number;
        while at <= now || state.taken.contains(&at) {
            at += MAX_ACTORS;
        }
        state.taken.insert(at);
        self.began + Duration::from_millis(at)
    }
}

fn with<T>(otherwise: T, draw: impl FnOnce(&Actor) -> T) -> T {
    // Tasks that production code spawns belong to no actor: they draw nothing.
    let mut draw = Some(draw);
    CURRENT
        .try_with(|actor| draw.take().map(|draw| draw(actor)))
        .ok()
        .flatten()
        .unwrap_or(otherwise)
}

/// A random number below `end`.
pub(crate) fn below(end: u64) -> u64 {
    with(0, |actor| actor.lock().rng.random_range(0..end.max(1)))
}

/// True with this probability.
pub(crate) fn chance(probability: f64) -> bool {
    with(false, |actor| actor.lock().rng.random_bool(probability.clamp(0.0, 1.0)))
}

/// A random element.
pub(crate) fn pick<T: Clone>(from: &[T]) -> Option<T> {
    from.get(below(from.len() as u64) as usize).cloned()
}

/// A slot at most about `most` milliseconds from now.
pub(crate) fn time_slot(most: u64) -> Instant {
    let after = below(most + 1);
    with(Instant::now(), |actor| actor.time_slot(after))
}

/// Sleeps for a random time of about `most` milliseconds at most.
pub(crate) async fn pause(most: u64) {
    let until = time_slot(most);
    tokio::time::sleep_until(until).await;
}

/// The current actor, for a task that runs on its behalf.
pub(crate) fn current() -> Option<Arc<Actor>> {
    CURRENT.try_with(Arc::clone).ok()
}
