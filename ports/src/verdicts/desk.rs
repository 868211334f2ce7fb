//! The desk itself: who waits for which event.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{EventId, Position, Verdict};
use metrics::Gauge;
use tokio::sync::{Notify, oneshot};

use super::{AwaitedEvent, VerdictLookup};

/// At most so many verdicts are asked for with one query.
const LOOKUP_BATCH: usize = 10_000;
const LOOKUP_RETRY: Duration = Duration::from_millis(100);

/// Looked up once: every command sets it twice.
static WAITING: LazyLock<Gauge> = LazyLock::new(|| metrics::gauge!("anb_command_waiting"));

/// More callers wait for a verdict than the desk has places for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} commands are waiting for their verdict already")]
pub struct DeskFull(pub usize);

/// Hands verdicts to those who wait for them. One per process.
pub struct VerdictDesk {
    waiting: Mutex<Waiting>,
    due: Notify,
    capacity: usize,
}

#[derive(Default)]
struct Waiting {
    tickets: HashMap<EventId, Vec<Waiter>>,
    next_number: u64,
    count: usize,
    /// Tickets whose place in the log is known, so that a moved checkpoint finds them.
    positions: BTreeMap<Position, AwaitedEvent>,
    checkpoints: HashMap<u32, u64>,
    due: BTreeSet<Position>,
}

struct Waiter {
    number: u64,
    sender: oneshot::Sender<Verdict>,
}

/// A place at the desk, taken before the append; dropping it gives the place back.
pub struct Ticket {
    desk: Arc<VerdictDesk>,
    awaited: AwaitedEvent,
    number: u64,
    position: Option<Position>,
    receiver: oneshot::Receiver<Verdict>,
}

impl VerdictDesk {
    /// A desk with places for `capacity` callers.
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), due: Notify::new(), capacity })
    }

    /// Takes a place for an event that is about to be appended.
    ///
    /// # Errors
    /// [`DeskFull`] if all places are taken.
    pub fn expect(self: &Arc<Self>, awaited: AwaitedEvent) -> Result<Ticket, DeskFull> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.count >= self.capacity {
            return Err(DeskFull(waiting.count));
        }
        waiting.count += 1;
        waiting.next_number += 1;
        let number = waiting.next_number;
        waiting.tickets.entry(awaited.event_id).or_default().push(Waiter { number, sender });
        WAITING.set(waiting.count as f64);
        drop(waiting);
        Ok(Ticket { desk: Arc::clone(self), awaited, number, position: None, receiver })
    }

    /// Hands over verdicts of events that a projector in this process has just committed.
    pub fn publish(&self, verdicts: impl IntoIterator<Item = (EventId, Verdict)>) {
        let mut waiting = self.lock();
        for (event_id, verdict) in verdicts {
            for place in waiting.tickets.remove(&event_id).unwrap_or_default() {
                // The receiver may have given up; its ticket is being dropped then.
                let _ = place.sender.send(verdict);
            }
        }
    }

    /// The projection has folded `partition` up to `next_offset` (exclusive), in some process.
    pub fn advance(&self, partition: u32, next_offset: u64) {
        let mut waiting = self.lock();
        let known = waiting.checkpoints.entry(partition).or_default();
        // Not monotone on purpose: read models that were lost start from the beginning again.
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

    /// Serves due tickets for ever. Every process that waits for verdicts runs this once.
    ///
    /// Tickets that have just become due are left alone for `grace`: a projector in this process
    /// publishes their verdicts itself, but its `NOTIFY` is often faster, and asking the database then
    /// would be for nothing.
    pub async fn serve(&self, lookup: Arc<dyn VerdictLookup>, grace: Duration) {
        loop {
            self.wait_for_due().await;
            if !grace.is_zero() {
                tokio::time::sleep(grace).await;
            }
            let batch = self.due_batch();
            if batch.is_empty() {
                continue;
            }
            metrics::counter!("anb_command_lookups_total").increment(1);
            match lookup.verdicts(&batch).await {
                // Those without a verdict wait until a checkpoint passes them once more.
                Ok(verdicts) => self.publish(verdicts),
                Err(error) => {
                    tracing::warn!(%error, waiting = batch.len(), "verdicts cannot be looked up");
                    self.make_due_again(&batch);
                    tokio::time::sleep(LOOKUP_RETRY).await;
                }
            }
        }
    }

    async fn wait_for_due(&self) {
        while self.lock().due.is_empty() {
            self.due.notified().await;
        }
    }

    /// Takes the due tickets that still wait.
    fn due_batch(&self) -> Vec<(Position, AwaitedEvent)> {
        let mut waiting = self.lock();
        let mut batch = Vec::new();
        while batch.len() < LOOKUP_BATCH {
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
        // No code that can panic runs under the lock, so a poisoned one is still consistent.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Waits for the verdict of the event, which stands at `position` now; `None` once `deadline`
    /// has passed.
    pub async fn verdict(mut self, position: Position, deadline: Duration) -> Option<Verdict> {
        self.place_at(position);
        tokio::time::timeout(deadline, &mut self.receiver).await.ok()?.ok()
    }

    fn place_at(&mut self, position: Position) {
        self.position = Some(position);
        let mut waiting = self.desk.lock();
        if !waiting.tickets.contains_key(&self.awaited.event_id) {
            return; // A projector in this process was faster than the log's acknowledgement.
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
        WAITING.set(waiting.count as f64);
        if let Some(position) = self.position {
            waiting.positions.remove(&position);
            waiting.due.remove(&position);
        }
        if let Some(places) = waiting.tickets.get_mut(&self.awaited.event_id) {
            places.retain(|place| place.number != self.number);
            if places.is_empty() {
                waiting.tickets.remove(&self.awaited.event_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup_error::LookupError;
    use async_trait::async_trait;
    use domain::Rejection;
    use uuid::Uuid;

    const SOON: Duration = Duration::from_secs(5);

    fn awaited(n: u128) -> AwaitedEvent {
        AwaitedEvent { event_id: EventId(Uuid::from_u128(n)), voted_video: None }
    }

    fn at(offset: u64) -> Position {
        Position { partition: 0, offset }
    }

    /// Rejects everything, and remembers how it was asked; fails `failures` times first, and knows
    /// nothing the next time if it was emptied.
    #[derive(Default)]
    struct Lookup {
        asked: Mutex<Vec<usize>>,
        failures: Mutex<usize>,
        emptied: Mutex<bool>,
    }

    #[async_trait]
    impl VerdictLookup for Lookup {
        async fn verdicts(
            &self,
            events: &[(Position, AwaitedEvent)],
        ) -> Result<HashMap<EventId, Verdict>, LookupError> {
            let mut failures = self.failures.lock().unwrap();
            if *failures > 0 {
                *failures -= 1;
                return Err(LookupError::new("not now"));
            }
            self.asked.lock().unwrap().push(events.len());
            let emptied = std::mem::take(&mut *self.emptied.lock().unwrap());
            let verdict = Verdict::Rejected(Rejection::AlreadyVoted);
            let known = events.iter().filter(|_| !emptied);
            Ok(known.map(|(_, awaited)| (awaited.event_id, verdict)).collect())
        }

        async fn checkpoints(&self) -> Result<Vec<Position>, LookupError> {
            Ok(Vec::new())
        }
    }

    #[tokio::test]
    async fn a_verdict_published_before_the_append_is_acknowledged_still_arrives() {
        let desk = VerdictDesk::new(8);
        let ticket = desk.expect(awaited(1)).unwrap();
        desk.publish([(awaited(1).event_id, Verdict::ACCEPTED)]);
        assert_eq!(ticket.verdict(at(0), SOON).await, Some(Verdict::ACCEPTED));
    }

    #[tokio::test]
    async fn everybody_who_waits_for_one_event_gets_the_same_verdict() {
        let desk = VerdictDesk::new(8);
        let tickets = [desk.expect(awaited(1)).unwrap(), desk.expect(awaited(1)).unwrap()];
        desk.publish([(awaited(1).event_id, Verdict::ACCEPTED)]);
        for (offset, ticket) in tickets.into_iter().enumerate() {
            assert_eq!(ticket.verdict(at(offset as u64), SOON).await, Some(Verdict::ACCEPTED));
        }
    }

    #[tokio::test]
    async fn one_query_serves_all_tickets_that_a_checkpoint_releases() {
        let desk = VerdictDesk::new(100);
        let tickets: Vec<_> = (0..50).map(|n| desk.expect(awaited(n)).unwrap()).collect();
        let waiting: Vec<_> = tickets
            .into_iter()
            .enumerate()
            .map(|(n, ticket)| tokio::spawn(ticket.verdict(at(n as u64), SOON)))
            .collect();
        while desk.lock().positions.len() < 50 {
            tokio::task::yield_now().await;
        }
        desk.advance(0, 40);
        let lookup = Arc::new(Lookup::default());
        let serving = tokio::spawn({
            let (desk, lookup) = (Arc::clone(&desk), Arc::clone(&lookup));
            async move { desk.serve(lookup, Duration::ZERO).await }
        });
        for task in waiting.into_iter().take(40) {
            assert!(task.await.unwrap().is_some());
        }
        assert_eq!(*lookup.asked.lock().unwrap(), [40]);
        assert_eq!(desk.lock().tickets.len(), 10);
        serving.abort();
    }

    #[tokio::test]
    async fn a_checkpoint_that_passed_before_the_acknowledgement_counts() {
        let desk = VerdictDesk::new(8);
        let ticket = desk.expect(awaited(1)).unwrap();
        desk.advance(0, 7);
        let lookup = Arc::new(Lookup { failures: Mutex::new(2), ..Lookup::default() });
        let serving = tokio::spawn({
            let desk = Arc::clone(&desk);
            async move { desk.serve(lookup, Duration::ZERO).await }
        });
        let verdict = ticket.verdict(at(6), SOON).await;
        assert_eq!(verdict, Some(Verdict::Rejected(Rejection::AlreadyVoted)));
        serving.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_published_within_the_grace_is_not_looked_up() {
        let desk = VerdictDesk::new(8);
        let ticket = desk.expect(awaited(1)).unwrap();
        let lookup = Arc::new(Lookup::default());
        let serving = tokio::spawn({
            let (desk, lookup) = (Arc::clone(&desk), Arc::clone(&lookup));
            async move { desk.serve(lookup, Duration::from_millis(5)).await }
        });
        let waiting = tokio::spawn(ticket.verdict(at(6), SOON));
        tokio::task::yield_now().await;
        desk.advance(0, 7);
        tokio::time::sleep(Duration::from_millis(1)).await;
        desk.publish([(awaited(1).event_id, Verdict::ACCEPTED)]);
        assert_eq!(waiting.await.unwrap(), Some(Verdict::ACCEPTED));
        tokio::time::sleep(SOON).await;
        assert!(lookup.asked.lock().unwrap().is_empty());
        serving.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_that_a_rebuild_has_yet_to_reach_waits_on() {
        let desk = VerdictDesk::new(8);
        let ticket = desk.expect(awaited(1)).unwrap();
        desk.advance(0, 7);
        let lookup = Arc::new(Lookup { emptied: Mutex::new(true), ..Lookup::default() });
        let serving = tokio::spawn({
            let (desk, lookup) = (Arc::clone(&desk), Arc::clone(&lookup));
            async move { desk.serve(lookup, Duration::ZERO).await }
        });
        let waiting = tokio::spawn(ticket.verdict(at(6), SOON));
        tokio::time::sleep(SOON / 2).await;
        assert_eq!(*lookup.asked.lock().unwrap(), [1], "asked once, not again and again");
        desk.advance(0, 7);
        assert_eq!(waiting.await.unwrap(), Some(Verdict::Rejected(Rejection::AlreadyVoted)));
        serving.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_gives_the_place_back() {
        let desk = VerdictDesk::new(1);
        let ticket = desk.expect(awaited(1)).unwrap();
        assert_eq!(desk.expect(awaited(2)).err(), Some(DeskFull(1)));
        assert_eq!(ticket.verdict(at(3), Duration::from_secs(1)).await, None);
        assert!(desk.expect(awaited(2)).is_ok());
        let waiting = desk.lock();
        assert!(waiting.tickets.is_empty() && waiting.positions.is_empty() && waiting.count == 0);
    }
}
