//! Live boards: what changes on a board, sent to everybody who watches it as it happens.
//!
//! However many watch a board, its changes are looked up and written once, by one feed; each watcher
//! has a short queue of finished messages. Whoever does not keep up is dropped, and comes back with
//! the id of the last message it got: it is told what it has missed, or to read its page anew.

mod feed;
mod hangup;
mod message;
mod seats;
mod watching;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use projections::boards::Board;
use projections::queries::Queries;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use hangup::Hangup;
pub(crate) use message::BoardChange;
pub(crate) use watching::Watching;

use crate::error::ApiError;
use message::{Id, Message};
use seats::Seats;

/// Watchers in one process at most. Each costs some kilobytes.
const MOST: usize = 20_000;
/// Artists in one message at most, the best placed first.
const ROWS: usize = 100;
/// A board's messages follow each other at this distance at least. The first comes at once.
const PACE: Duration = Duration::from_millis(100);
/// A message comes so often at least, so that both sides notice when the other has gone.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long to wait after a fault that passes.
const RETRY: Duration = Duration::from_millis(250);

/// All boards that are being watched. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Live(Arc<Inner>);

struct Inner {
    queries: Queries,
    /// Numbers of editions mean something in the process that counts them only.
    process: Uuid,
    /// Once cancelled, everybody is sent elsewhere.
    stop: CancellationToken,
    feeds: Mutex<HashMap<Board, Seats>>,
    watchers: AtomicUsize,
}

impl Live {
    pub(crate) fn new(queries: Queries, stop: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            queries,
            process: Uuid::new_v4(),
            stop,
            feeds: Mutex::default(),
            watchers: AtomicUsize::new(0),
        }))
    }

    /// The id of an edition, for whoever reads a page first and watches it then.
    pub(crate) fn id(&self, edition: u64) -> String {
        Id { process: self.0.process, edition }.to_string()
    }

    /// Begins to watch a board. `last_id` is what the watcher knows already.
    pub(crate) async fn watch(
        &self,
        board: Board,
        last_id: Option<&str>,
        hangup: Hangup,
    ) -> Result<Watching, ApiError> {
        let newest = self.0.queries.edition()?.number;
        let place = self.place()?;
        // A seat first: what changes from now on is queued, what came before is asked for.
        let messages = self.0.seat(&board, newest, hangup);
        let greeting = self.greet(&board, last_id, newest).await?;
        Ok(Watching::new(greeting, messages, place))
    }

    async fn greet(
        &self,
        board: &Board,
        last_id: Option<&str>,
        newest: u64,
    ) -> Result<Message, ApiError> {
        let process = self.0.process;
        let Some(last_id) = last_id else {
            return Ok(Message::ready(Id { process, edition: newest }));
        };
        let known = Id::read(last_id).filter(|id| id.process == process);
        let changes = match known {
            Some(id) => self.0.queries.ranking_changes(board, id.edition, ROWS).await?,
            None => None,
        };
        let Some(changes) = changes else {
            return Ok(Message::reset(Id { process, edition: newest }));
        };
        let edition = changes.edition;
        let missed = Message::change(process, changes)?;
        Ok(missed.unwrap_or_else(|| Message::ready(Id { process, edition })))
    }

    /// A place for one more watcher.
    fn place(&self) -> Result<Place, ApiError> {
        if self.0.stop.is_cancelled() {
            return Err(ApiError::Unavailable("this process is about to stop".to_owned()));
        }
        let place = Place::take(Arc::clone(&self.0));
        if self.0.watchers.load(Ordering::Relaxed) > MOST {
            metrics::counter!("anb_streams_refused_total").increment(1);
            return Err(ApiError::Unavailable(format!("{MOST} streams are open")));
        }
        Ok(place)
    }
}

impl Inner {
    fn feeds(&self) -> MutexGuard<'_, HashMap<Board, Seats>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat at the board's feed, which begins if this is the first.
    fn seat(self: &Arc<Self>, board: &Board, newest: u64, hangup: Hangup) -> seats::Queue {
        let mut feeds = self.feeds();
        if let Some(seats) = feeds.get_mut(board) {
            return seats.take(hangup);
        }
        let mut seats = Seats::default();
        let queue = seats.take(hangup);
        feeds.insert(board.clone(), seats);
        tokio::spawn(feed::run(Arc::clone(self), board.clone(), newest));
        queue
    }
}

/// One watcher's place, given back when dropped.
pub(crate) struct Place(Arc<Inner>);

impl Place {
    fn take(inner: Arc<Inner>) -> Self {
        inner.watchers.fetch_add(1, Ordering::Relaxed);
        metrics::gauge!("anb_streams_open").increment(1.0);
        Self(inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("anb_streams_open").decrement(1.0);
    }
}
