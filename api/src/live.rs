//! Live boards: Server-Sent Events with what changes on a board.
//!
//! One feed per board queries and encodes each change once, for all subscribers of that board. Each
//! subscriber has a bounded queue of encoded messages. A subscriber whose queue is full is
//! disconnected. It reconnects with the id of its last message. The answer is what it has missed, or
//! `reset`: the client must load its page again.

mod disconnect;
mod feed;
mod feeds;
mod message;
mod subscribers;
mod subscription;

use std::sync::Arc;

use projections::boards::Board;
use projections::queries::Queries;
use tokio_util::sync::CancellationToken;

pub use disconnect::Disconnect;
pub(crate) use message::BoardChange;
pub(crate) use subscription::Subscription;

use crate::error::ApiError;
use feeds::{Feeds, MAX_ARTISTS_PER_MESSAGE};
use message::{Message, MessageId};

/// The feeds of all boards that have subscribers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Live(Arc<Feeds>);

impl Live {
    /// Once `stop` is cancelled, all streams end and new ones are rejected.
    pub(crate) fn new(queries: Queries, stop: CancellationToken) -> Self {
        Self(Arc::new(Feeds::new(queries, stop)))
    }

    /// The message id of a version of the boards. A page that shows this version subscribes with it.
    pub(crate) fn id(&self, version: u64) -> String {
        self.0.message_id(version).to_string()
    }

    /// Subscribes to a board. `last_id` is the id of the last message that the client received.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] if this process is stopping or has too many subscribers.
    pub(crate) async fn subscribe(
        &self,
        board: Board,
        last_id: Option<&str>,
        disconnect: Disconnect,
    ) -> Result<Subscription, ApiError> {
        let newest = self.0.queries.boards_version()?.number;
        let permit = self.0.permit()?;
        // Subscribe before querying what was missed: a change in between is then queued, not lost.
        let (messages, is_first) = self.0.add_subscriber(&board, disconnect);
        if is_first {
            tokio::spawn(feed::run(Arc::clone(&self.0), board.clone(), newest));
        }
        let greeting = self.greeting(&board, last_id, newest).await?;
        Ok(Subscription::new(greeting, messages, permit))
    }

    /// The first message: `ready`, `change` with what the client has missed, or `reset`.
    async fn greeting(
        &self,
        board: &Board,
        last_id: Option<&str>,
        newest: u64,
    ) -> Result<Message, ApiError> {
        let feeds = &self.0;
        let Some(last_id) = last_id else {
            return Ok(Message::ready(feeds.message_id(newest)));
        };
        let known = MessageId::parse(last_id).filter(|id| id.process == feeds.process);
        let changes = match known {
            Some(id) => {
                feeds.queries.ranking_changes(board, id.version, MAX_ARTISTS_PER_MESSAGE).await?
            }
            None => None,
        };
        let Some(changes) = changes else {
            return Ok(Message::reset(feeds.message_id(newest)));
        };
        let id = feeds.message_id(changes.version);
        let missed = Message::change(id, changes)?;
        Ok(missed.unwrap_or_else(|| Message::ready(id)))
    }
}
