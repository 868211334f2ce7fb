//! The stream of one subscriber.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use uuid::Uuid;

use super::feeds::SubscriberPermit;
use super::message::Message;
use super::subscribers::MessageQueue;

/// Bounds of the random delay before a browser reconnects. It spreads the load after a restart.
const MIN_RECONNECT_DELAY: Duration = Duration::from_millis(500);
const MAX_RECONNECT_DELAY: Duration = Duration::from_millis(3_500);

/// The messages of one subscriber: the greeting, then the messages of the board's feed.
pub(crate) struct Subscription {
    greeting: Option<Bytes>,
    /// The version of the boards that the greeting leads to.
    greeted_version: u64,
    messages: MessageQueue,
    _permit: SubscriberPermit,
}

impl Subscription {
    pub(super) fn new(greeting: Message, messages: MessageQueue, permit: SubscriberPermit) -> Self {
        let Message { version, bytes } = greeting;
        let retry = format!("retry: {}\n", reconnect_delay().as_millis());
        let greeting = Some(Bytes::from([retry.as_bytes(), &bytes].concat()));
        Self { greeting, greeted_version: version, messages, _permit: permit }
    }
}

fn reconnect_delay() -> Duration {
    let span = (MAX_RECONNECT_DELAY - MIN_RECONNECT_DELAY).as_millis();
    let random = Uuid::new_v4().as_u128() % span;
    MIN_RECONNECT_DELAY + Duration::from_millis(u64::try_from(random).unwrap_or(0))
}

impl Stream for Subscription {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(greeting) = self.greeting.take() {
            return Poll::Ready(Some(Ok(greeting)));
        }
        loop {
            return match std::task::ready!(self.messages.poll_recv(context)) {
                // Queued while the greeting was being made, and older than it.
                Some(message) if message.version < self.greeted_version => continue,
                message => Poll::Ready(message.map(|message| Ok(message.bytes))),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reconnect_delays_differ_and_stay_within_their_bounds() {
        let delays: std::collections::HashSet<_> = (0..100).map(|_| reconnect_delay()).collect();
        assert!(delays.len() > 50);
        assert!(delays.iter().all(|d| (MIN_RECONNECT_DELAY..MAX_RECONNECT_DELAY).contains(d)));
    }
}
