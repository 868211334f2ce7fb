//! The subscribers of one board: a bounded queue for each.

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::disconnect::Disconnect;
use super::message::Message;

/// Messages that wait for a subscriber. One more, and it is disconnected.
const MAX_QUEUED_MESSAGES: usize = 32;

/// Where a subscriber reads its messages.
pub(super) type MessageQueue = mpsc::Receiver<Message>;

/// The subscribers of one board.
#[derive(Default)]
pub(super) struct Subscribers(Vec<Subscriber>);

struct Subscriber {
    queue: mpsc::Sender<Message>,
    disconnect: Disconnect,
}

impl Subscribers {
    pub(super) fn add(&mut self, disconnect: Disconnect) -> MessageQueue {
        let (queue, messages) = mpsc::channel(MAX_QUEUED_MESSAGES);
        self.0.push(Subscriber { queue, disconnect });
        messages
    }

    /// Sends a message to all without waiting. Disconnects subscribers whose queue is full, and
    /// removes those that have left.
    pub(super) fn send(&mut self, message: &Message) {
        self.0.retain(|subscriber| match subscriber.queue.try_send(message.clone()) {
            Ok(()) => true,
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(_)) => {
                metrics::counter!("anb_streams_dropped_total").increment(1);
                subscriber.disconnect.request();
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
    use crate::live::message::MessageId;
    use uuid::Uuid;

    fn message(version: u64) -> Message {
        Message::ready(MessageId { process: Uuid::nil(), version })
    }

    #[test]
    fn a_slow_subscriber_is_disconnected_and_the_others_are_not() {
        let mut subscribers = Subscribers::default();
        let disconnects = [Disconnect::default(), Disconnect::default()];
        let mut quick = subscribers.add(disconnects[0].clone());
        let mut slow = subscribers.add(disconnects[1].clone());
        let many = MAX_QUEUED_MESSAGES as u64 + 1;
        for version in 0..many {
            subscribers.send(&message(version));
            assert_eq!(quick.try_recv().unwrap().version, version);
        }
        assert!(!disconnects[0].is_requested() && disconnects[1].is_requested());
        let mut got = 0;
        while slow.try_recv().is_ok() {
            got += 1;
        }
        assert_eq!(got, MAX_QUEUED_MESSAGES, "no more than this is ever queued");
        assert_eq!(slow.try_recv().unwrap_err(), mpsc::error::TryRecvError::Disconnected);
    }

    #[test]
    fn a_subscriber_that_has_left_is_removed_and_not_disconnected() {
        let mut subscribers = Subscribers::default();
        let disconnect = Disconnect::default();
        drop(subscribers.add(disconnect.clone()));
        assert!(!subscribers.is_empty());
        subscribers.send(&message(1));
        assert!(subscribers.is_empty() && !disconnect.is_requested());
    }
}
