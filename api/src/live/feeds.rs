//! What the feeds of this process share: the queries, and the subscribers of each board.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use projections::boards::Board;
use projections::queries::Queries;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::disconnect::Disconnect;
use super::message::{Message, MessageId};
use super::subscribers::{MessageQueue, Subscribers};
use crate::error::ApiError;

/// Subscribers in one process. Each costs some kilobytes.
const MAX_SUBSCRIBERS: usize = 20_000;
/// Artists in one message, the best placed first.
pub(super) const MAX_ARTISTS_PER_MESSAGE: usize = 100;

/// All boards that have subscribers.
pub(super) struct Feeds {
    pub(super) queries: Queries,
    /// Part of each message id: version numbers of different processes are not comparable.
    pub(super) process: Uuid,
    pub(super) stop: CancellationToken,
    boards: Mutex<HashMap<Board, Subscribers>>,
    subscriber_count: AtomicUsize,
}

impl Feeds {
    pub(super) fn new(queries: Queries, stop: CancellationToken) -> Self {
        Self {
            queries,
            process: Uuid::new_v4(),
            stop,
            boards: Mutex::default(),
            subscriber_count: AtomicUsize::new(0),
        }
    }

    pub(super) fn message_id(&self, version: u64) -> MessageId {
        MessageId { process: self.process, version }
    }

    /// Admits one more subscriber.
    pub(super) fn permit(self: &Arc<Self>) -> Result<SubscriberPermit, ApiError> {
        if self.stop.is_cancelled() {
            return Err(ApiError::unavailable("this process is about to stop"));
        }
        let permit = SubscriberPermit::new(Arc::clone(self));
        if self.subscriber_count.load(Ordering::Relaxed) > MAX_SUBSCRIBERS {
            metrics::counter!("anb_streams_refused_total").increment(1);
            return Err(ApiError::unavailable(format!("{MAX_SUBSCRIBERS} streams are open")));
        }
        Ok(permit)
    }

    /// Adds a subscriber. `true` if it is the board's first: the caller starts the board's feed.
    pub(super) fn add_subscriber(
        &self,
        board: &Board,
        disconnect: Disconnect,
    ) -> (MessageQueue, bool) {
        let mut boards = self.boards();
        if let Some(subscribers) = boards.get_mut(board) {
            return (subscribers.add(disconnect), false);
        }
        let mut subscribers = Subscribers::default();
        let queue = subscribers.add(disconnect);
        boards.insert(board.clone(), subscribers);
        (queue, true)
    }

    /// Sends to all subscribers of a board. `false` if none is left: the board's feed must end.
    pub(super) fn send(&self, board: &Board, message: &Message) -> bool {
        let mut boards = self.boards();
        let Some(subscribers) = boards.get_mut(board) else { return false };
        subscribers.send(message);
        if subscribers.is_empty() {
            boards.remove(board);
            return false;
        }
        true
    }

    /// Ends the streams of all subscribers of a board.
    pub(super) fn close(&self, board: &Board) {
        self.boards().remove(board);
    }

    fn boards(&self) -> MutexGuard<'_, HashMap<Board, Subscribers>> {
        self.boards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one subscriber until it is dropped.
pub(super) struct SubscriberPermit(Arc<Feeds>);

impl SubscriberPermit {
    fn new(feeds: Arc<Feeds>) -> Self {
        feeds.subscriber_count.fetch_add(1, Ordering::Relaxed);
        metrics::gauge!("anb_streams_open").increment(1.0);
        Self(feeds)
    }
}

impl Drop for SubscriberPermit {
    fn drop(&mut self) {
        self.0.subscriber_count.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("anb_streams_open").decrement(1.0);
    }
}
