//! What one watcher receives.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use uuid::Uuid;

use super::Place;
use super::message::Message;
use super::seats::Queue;

/// After a break browsers come back within this span, each after a time of its own: not all at once.
const RETRY_FROM: Duration = Duration::from_millis(500);
const RETRY_TO: Duration = Duration::from_millis(3_500);

/// The messages of one watcher: the greeting, and then what comes after it.
pub(crate) struct Watching {
    greeting: Option<Bytes>,
    /// What the watcher knows from the greeting.
    known: u64,
    messages: Queue,
    _place: Place,
}

impl Watching {
    pub(super) fn new(greeting: Message, messages: Queue, place: Place) -> Self {
        let Message { edition, bytes } = greeting;
        let retry = format!("retry: {}\n", retry().as_millis());
        let greeting = Some(Bytes::from([retry.as_bytes(), &bytes].concat()));
        Self { greeting, known: edition, messages, _place: place }
    }
}

fn retry() -> Duration {
    let span = (RETRY_TO - RETRY_FROM).as_millis();
    let random = Uuid::new_v4().as_u128() % span;
    RETRY_FROM + Duration::from_millis(u64::try_from(random).unwrap_or(0))
}

impl Stream for Watching {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(greeting) = self.greeting.take() {
            return Poll::Ready(Some(Ok(greeting)));
        }
        loop {
            return match std::task::ready!(self.messages.poll_recv(context)) {
                // Queued while the greeting was being written, and older than it.
                Some(message) if message.edition < self.known => continue,
                message => Poll::Ready(message.map(|message| Ok(message.bytes))),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_come_back_at_different_times() {
        let times: std::collections::HashSet<_> = (0..100).map(|_| retry()).collect();
        assert!(times.len() > 50);
        assert!(times.iter().all(|time| (RETRY_FROM..RETRY_TO).contains(time)));
    }
}
