//! Tests of the verdict desk.

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
    let tickets = [desk.take_ticket(awaited(1)).unwrap(), desk.take_ticket(awaited(1)).unwrap()];
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
