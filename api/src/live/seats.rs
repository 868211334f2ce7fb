//! Who watches a board: a short queue for each.

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::Hangup;
use super::message::Message;

/// Messages that a watcher may be behind.
const BACKLOG: usize = 32;

/// What a watcher reads from.
pub(super) type Queue = mpsc::Receiver<Message>;

/// The watchers of one board.
#[derive(Default)]
pub(super) struct Seats(Vec<Seat>);

struct Seat {
    queue: mpsc::Sender<Message>,
    hangup: Hangup,
}

impl Seats {
    /// One more watcher.
    pub(super) fn take(&mut self, hangup: Hangup) -> Queue {
        let (queue, messages) = mpsc::channel(BACKLOG);
        self.0.push(Seat { queue, hangup });
        messages
    }

    /// Sends a message to all, and waits for nobody: whoever has no room for it is dropped.
    pub(super) fn send(&mut self, message: &Message) {
        self.0.retain(|seat| match seat.queue.try_send(message.clone()) {
            Ok(()) => true,
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(_)) => {
                metrics::counter!("anb_streams_dropped_total").increment(1);
                seat.hangup.request();
                false
            }
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::message::Id;
    use uuid::Uuid;

    fn message(edition: u64) -> Message {
        Message::ready(Id { process: Uuid::nil(), edition })
    }

    #[test]
    fn a_slow_watcher_is_dropped_and_the_others_are_not() {
        let mut seats = Seats::default();
        let hangups = [Hangup::default(), Hangup::default()];
        let mut quick = seats.take(hangups[0].clone());
        let mut slow = seats.take(hangups[1].clone());
        let many = BACKLOG as u64 + 1;
        for edition in 0..many {
            seats.send(&message(edition));
            assert_eq!(quick.try_recv().unwrap().edition, edition);
        }
        assert!(!hangups[0].is_requested() && hangups[1].is_requested());
        let mut got = 0;
        while slow.try_recv().is_ok() {
            got += 1;
        }
        assert_eq!(got, BACKLOG, "no more than this is ever queued");
        assert_eq!(slow.try_recv().unwrap_err(), mpsc::error::TryRecvError::Disconnected);
    }

    #[test]
    fn who_has_left_is_forgotten_and_is_not_slow() {
        let mut seats = Seats::default();
        let hangup = Hangup::default();
        drop(seats.take(hangup.clone()));
        assert!(!seats.is_empty());
        seats.send(&message(1));
        assert!(seats.is_empty() && !hangup.is_requested());
    }
}
