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
mod tests {
    use super::*;
    use crate::verdicts::EffectRow;
    use async_trait::async_trait;
    use domain::{Rejection, VideoId};
    use uuid::Uuid;

    const SOON: Duration = Duration::from_secs(5);
    const REJECTED: Verdict = Verdict::Rejected(Rejection::AlreadyVoted);

    fn awaited(n: u128) -> AwaitedEvent {
        AwaitedEvent {
            event_id: EventId(Uuid::from_u128(n)),
            effect: EffectRow::Video(VideoId(Uuid::from_u128(n))),
        }
    }

    fn at(offset: u64) -> Position {
        Position { partition: 0, offset }
    }

    /// Rejects every event and records the size of each lookup. Fails `failures` times first, gives no
    /// answer once if it hangs, and finds nothing once if it was emptied.
    #[derive(Default)]
    struct Lookup {
        asked: Mutex<Vec<usize>>,
        failures: Mutex<usize>,
        emptied: Mutex<bool>,
        hangs: Mutex<bool>,
    }

    #[async_trait]
    impl VerdictLookup for Lookup {
        async fn verdicts(
            &self,
            events: &[(Position, AwaitedEvent)],
        ) -> Result<HashMap<EventId, FoldedEvent>, LookupError> {
            {
                let mut failures = self.failures.lock().unwrap();
                if *failures > 0 {
                    *failures -= 1;
                    return Err(LookupError::new("not now"));
                }
            }
            self.asked.lock().unwrap().push(events.len());
            let hangs = std::mem::take(&mut *self.hangs.lock().unwrap());
            if hangs {
                std::future::pending::<()>().await;
            }
            let emptied = std::mem::take(&mut *self.emptied.lock().unwrap());
            let verdict = FoldedEvent::Decided(REJECTED);
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
        let ticket = desk.take_ticket(awaited(1)).unwrap();
        desk.publish([(awaited(1).event_id, Verdict::ACCEPTED)]);
        assert_eq!(ticket.folded(at(0), SOON).await, Some(FoldedEvent::Decided(Verdict::ACCEPTED)));
    }

    #[tokio::test]
    async fn all_callers_that_wait_for_one_event_get_its_verdict() {
        let desk = VerdictDesk::new(8);
        let tickets =
            [desk.take_ticket(awaited(1)).unwrap(), desk.take_ticket(awaited(1)).unwrap()];
        desk.publish([(awaited(1).event_id, Verdict::ACCEPTED)]);
        for (offset, ticket) in tickets.into_iter().enumerate() {
            assert_eq!(
                ticket.folded(at(offset as u64), SOON).await,
                Some(FoldedEvent::Decided(Verdict::ACCEPTED))
            );
        }
    }

    #[tokio::test]
    async fn one_query_looks_up_all_tickets_below_a_checkpoint() {
        let desk = VerdictDesk::new(100);
        let tickets: Vec<_> = (0..50).map(|n| desk.take_ticket(awaited(n)).unwrap()).collect();
        let waiting: Vec<_> = tickets
            .into_iter()
            .enumerate()
            .map(|(n, ticket)| tokio::spawn(ticket.folded(at(n as u64), SOON)))
            .collect();
        while desk.lock().positions.len() < 50 {
            tokio::task::yield_now().await;
        }
        desk.advance(0, 40);
        let lookup = Arc::new(Lookup::default());
        let serving = tokio::spawn({
            let (desk, lookup) = (Arc::clone(&desk), Arc::clone(&lookup));
            async move { desk.run_lookups(lookup, Duration::ZERO).await }
        });
        for task in waiting.into_iter().take(40) {
            assert!(task.await.unwrap().is_some());
        }
        assert_eq!(*lookup.asked.lock().unwrap(), [40]);
        assert_eq!(desk.lock().tickets.len(), 10);
        serving.abort();
    }

    #[tokio::test]
    async fn a_checkpoint_that_passed_before_the_acknowledgement_makes_the_ticket_due() {
        let desk = VerdictDesk::new(8);
        let ticket = desk.take_ticket(awaited(1)).unwrap();
        desk.advance(0, 7);
        let lookup = Arc::new(Lookup { failures: Mutex::new(2), ..Lookup::default() });
        let serving = tokio::spawn({
            let desk = Arc::clone(&desk);
            async move { desk.run_lookups(lookup, Duration::ZERO).await }
        });
        let verdict = ticket.folded(at(6), SOON).await;
        assert_eq!(verdict, Some(FoldedEvent::Decided(REJECTED)));
        serving.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_verdict_published_within_the_lookup_delay_is_not_looked_up() {
        let desk = VerdictDesk::new(8);
        let ticket = desk.take_ticket(awaited(1)).unwrap();
        let lookup = Arc::new(Lookup::default());
        let serving = tokio::spawn({
            let (desk, lookup) = (Arc::clone(&desk), Arc::clone(&lookup));
            async move { desk.run_lookups(lookup, Duration::from_millis(5)).await }
        });
        let waiting = tokio::spawn(ticket.folded(at(6), SOON));
        tokio::task::yield_now().await;
        desk.advance(0, 7);
        tokio::time::sleep(Duration::from_millis(1)).await;
        desk.publish([(awaited(1).event_id, Verdict::ACCEPTED)]);
        assert_eq!(waiting.await.unwrap(), Some(FoldedEvent::Decided(Verdict::ACCEPTED)));
        tokio::time::sleep(SOON).await;
        assert!(lookup.asked.lock().unwrap().is_empty());
        serving.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_lookup_without_an_answer_is_repeated() {
        let desk = VerdictDesk::new(8);
        let ticket = desk.take_ticket(awaited(1)).unwrap();
        desk.advance(0, 7);
        let lookup = Arc::new(Lookup { hangs: Mutex::new(true), ..Lookup::default() });
        let serving = tokio::spawn({
            let (desk, lookup) = (Arc::clone(&desk), Arc::clone(&lookup));
            async move { desk.run_lookups(lookup, Duration::ZERO).await }
        });
        let folded = ticket.folded(at(6), 2 * LOOKUP_TIMEOUT).await;
        assert_eq!(folded, Some(FoldedEvent::Decided(REJECTED)));
        assert_eq!(*lookup.asked.lock().unwrap(), [1, 1]);
        serving.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_that_a_rebuild_has_not_reached_keeps_waiting() {
        let desk = VerdictDesk::new(8);
        let ticket = desk.take_ticket(awaited(1)).unwrap();
        desk.advance(0, 7);
        let lookup = Arc::new(Lookup { emptied: Mutex::new(true), ..Lookup::default() });
        let serving = tokio::spawn({
            let (desk, lookup) = (Arc::clone(&desk), Arc::clone(&lookup));
            async move { desk.run_lookups(lookup, Duration::ZERO).await }
        });
        let waiting = tokio::spawn(ticket.folded(at(6), SOON));
        tokio::time::sleep(SOON / 2).await;
        assert_eq!(*lookup.asked.lock().unwrap(), [1], "one lookup");
        desk.advance(0, 7);
        assert_eq!(waiting.await.unwrap(), Some(FoldedEvent::Decided(REJECTED)));
        serving.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_makes_room_at_the_desk() {
        let desk = VerdictDesk::new(1);
        let ticket = desk.take_ticket(awaited(1)).unwrap();
        assert_eq!(desk.take_ticket(awaited(2)).err(), Some(DeskFull(1)));
        assert_eq!(ticket.folded(at(3), Duration::from_secs(1)).await, None);
        assert!(desk.take_ticket(awaited(2)).is_ok());
        let waiting = desk.lock();
        assert!(waiting.tickets.is_empty() && waiting.positions.is_empty() && waiting.count == 0);
    }
}
