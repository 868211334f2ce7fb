//! The verdict desk: which caller waits for which event.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{EventId, Position, Verdict};
use infra::timeout::within;
use metrics::Gauge;
use tokio::sync::{Notify, oneshot};

use super::lookup::{AwaitedEvent, FoldedEvent, VerdictLookup};
use crate::lookup_error::LookupError;

/// The limit of events in one lookup.
const MAX_LOOKUP_BATCH: usize = 10_000;
/// Bounds a lookup. A dropped connection to the database gives no error, and every command would wait for
/// this one. Longer than a statement on the pool may take, with the wait for a connection.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(12);
/// The pause after a lookup that failed.
const LOOKUP_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Every command sets it twice, so the recorder is asked once only.
static WAITING_GAUGE: LazyLock<Gauge> = LazyLock::new(|| metrics::gauge!("anb_command_waiting"));

/// As many callers wait as the desk has capacity for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} commands are waiting for their verdict already")]
pub struct DeskFull(pub usize);

/// Gives verdicts to the callers that wait for them. Each process has one.
pub struct VerdictDesk {
    waiting: Mutex<Waiting>,
    due: Notify,
    capacity: usize,
}

#[derive(Default)]
struct Waiting {
    tickets: HashMap<EventId, Vec<Waiter>>,
    last_number: u64,
    count: usize,
    /// Events whose position is known, so that an advanced checkpoint finds them.
    positions: BTreeMap<Position, AwaitedEvent>,
    checkpoints: HashMap<u32, u64>,
    /// Positions below their checkpoint, whose verdicts must be looked up.
    due: BTreeSet<Position>,
}

struct Waiter {
    number: u64,
    sender: oneshot::Sender<FoldedEvent>,
}

/// The right to wait for one verdict, taken before the append. Dropping it makes room for another caller.
pub struct Ticket {
    desk: Arc<VerdictDesk>,
    awaited: AwaitedEvent,
    number: u64,
    position: Option<Position>,
    receiver: oneshot::Receiver<FoldedEvent>,
}

impl VerdictDesk {
    /// A desk at which `capacity` callers can wait.
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), due: Notify::new(), capacity })
    }

    /// Takes a ticket for an event that is about to be appended.
    ///
    /// # Errors
    /// [`DeskFull`]
    pub fn take_ticket(self: &Arc<Self>, awaited: AwaitedEvent) -> Result<Ticket, DeskFull> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.count >= self.capacity {
            return Err(DeskFull(waiting.count));
        }
        waiting.count += 1;
        waiting.last_number += 1;
        let number = waiting.last_number;
        waiting.tickets.entry(awaited.event_id).or_default().push(Waiter { number, sender });
        WAITING_GAUGE.set(waiting.count as f64);
        drop(waiting);
        Ok(Ticket { desk: Arc::clone(self), awaited, number, position: None, receiver })
    }

    /// Publishes verdicts of events that a projector in this process has committed.
    pub fn publish(&self, verdicts: impl IntoIterator<Item = (EventId, Verdict)>) {
        self.answer(verdicts.into_iter().map(|(id, verdict)| (id, FoldedEvent::Decided(verdict))));
    }

    fn answer(&self, folded: impl IntoIterator<Item = (EventId, FoldedEvent)>) {
        let mut waiting = self.lock();
        for (event_id, folded) in folded {
            for waiter in waiting.tickets.remove(&event_id).unwrap_or_default() {
                // Fails if the caller has stopped waiting; then its ticket is being dropped.
                let _ = waiter.sender.send(folded);
            }
        }
    }

    /// Records that some process has folded `partition` up to `next_offset` (exclusive).
    pub fn advance(&self, partition: u32, next_offset: u64) {
        let mut waiting = self.lock();
        let known = waiting.checkpoints.entry(partition).or_default();
        // Not monotone: read models that were lost are folded from the start.
        *known = next_offset;
        let from = Position { partition, offset: 0 };
        let to = Position { partition, offset: next_offset };
        let passed: Vec<Position> = waiting.positions.range(from..to).map(|(at, _)| *at).collect();
        if passed.is_empty() {
            return;
        }
        waiting.due.extend(passed);
        drop(waiting);
        self.due.notify_one();
    }

    /// Looks up the verdicts of due tickets, for ever. Every process that waits for verdicts runs this once.
    ///
    /// A lookup starts `lookup_delay` after a ticket became due. A projector in this process publishes its
    /// verdicts itself. Its `NOTIFY` often arrives before, and without the delay it would cause a
    /// needless query.
    pub async fn run_lookups(&self, lookup: Arc<dyn VerdictLookup>, lookup_delay: Duration) {
        loop {
            self.wait_for_due().await;
            if !lookup_delay.is_zero() {
                tokio::time::sleep(lookup_delay).await;
            }
            let batch = self.due_batch();
            if batch.is_empty() {
                continue;
            }
            metrics::counter!("anb_command_lookups_total").increment(1);
            let looked_up = within("verdict_lookup", LOOKUP_TIMEOUT, lookup.verdicts(&batch)).await;
            match looked_up.unwrap_or_else(|timed_out| Err(LookupError::new(timed_out))) {
                // Events that are not folded wait until the checkpoint advances again.
                Ok(folded) => self.answer(folded),
                Err(error) => {
                    tracing::warn!(%error, waiting = batch.len(), "verdicts cannot be looked up and are tried again");
                    self.make_due_again(&batch);
                    tokio::time::sleep(LOOKUP_RETRY_DELAY).await;
                }
            }
        }
    }

    async fn wait_for_due(&self) {
        while self.lock().due.is_empty() {
            self.due.notified().await;
        }
    }

    /// Takes the due events that a caller still waits for.
    fn due_batch(&self) -> Vec<(Position, AwaitedEvent)> {
        let mut waiting = self.lock();
        let mut batch = Vec::new();
        while batch.len() < MAX_LOOKUP_BATCH {
            let Some(position) = waiting.due.pop_first() else { break };
            if let Some(awaited) = waiting.positions.get(&position).copied()
                && waiting.tickets.contains_key(&awaited.event_id)
            {
                batch.push((position, awaited));
            }
        }
        batch
    }

    fn make_due_again(&self, batch: &[(Position, AwaitedEvent)]) {
        let mut waiting = self.lock();
        let Waiting { positions, due, .. } = &mut *waiting;
        due.extend(batch.iter().map(|(at, _)| *at).filter(|at| positions.contains_key(at)));
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code under the lock panics, so the state of a poisoned lock is consistent.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Waits until the event, which is at `position` in the log, is folded; `None` after `timeout`.
    pub async fn folded(mut self, position: Position, timeout: Duration) -> Option<FoldedEvent> {
        self.set_position(position);
        tokio::time::timeout(timeout, &mut self.receiver).await.ok()?.ok()
    }

    fn set_position(&mut self, position: Position) {
        self.position = Some(position);
        let mut waiting = self.desk.lock();
        if !waiting.tickets.contains_key(&self.awaited.event_id) {
            return; // A projector in this process published before the log acknowledged.
        }
        waiting.positions.insert(position, self.awaited);
        let checkpoint = waiting.checkpoints.get(&position.partition).copied().unwrap_or(0);
        if position.offset < checkpoint {
            waiting.due.insert(position);
            drop(waiting);
            self.desk.due.notify_one();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut waiting = self.desk.lock();
        waiting.count -= 1;
        WAITING_GAUGE.set(waiting.count as f64);
        if let Some(position) = self.position {
            waiting.positions.remove(&position);
            waiting.due.remove(&position);
        }
        if let Some(waiters) = waiting.tickets.get_mut(&self.awaited.event_id) {
            waiters.retain(|waiter| waiter.number != self.number);
            if waiters.is_empty() {
                waiting.tickets.remove(&self.awaited.event_id);
            }
        }
    }
}

#[cfg(test)]
mod tests;
