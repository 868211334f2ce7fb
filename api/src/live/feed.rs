//! The feed of one board: a task that lives as long as the board has subscribers.

use std::sync::Arc;
use std::time::Duration;

use projections::boards::Board;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use super::feeds::{Feeds, MAX_ARTISTS_PER_MESSAGE};
use super::message::Message;
use crate::error::ApiError;

/// Shortest time between two `change` messages of a board. The first one is sent at once.
const MIN_MESSAGE_INTERVAL: Duration = Duration::from_millis(100);
/// A message is sent at least this often, so that both sides notice a dead connection.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);
/// How long the feed waits after a failed query.
const RETRY_DELAY: Duration = Duration::from_millis(250);

/// Sends what changes on `board` after version `sent`. Returns when the last subscriber has left, or
/// when this process is stopping: then the streams end.
pub(super) async fn run(feeds: Arc<Feeds>, board: Board, mut sent: u64) {
    let mut versions = feeds.queries.boards_versions();
    // A version that appeared since `sent` was read counts as new.
    versions.mark_changed();
    let mut heartbeat = interval_at(Instant::now() + HEARTBEAT_INTERVAL, HEARTBEAT_INTERVAL);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = feeds.stop.cancelled() => {
                feeds.close(&board);
                return;
            }
            _ = heartbeat.tick() => {
                if !feeds.send(&board, &Message::heartbeat(feeds.message_id(sent))) {
                    return;
                }
            }
            _ = versions.changed() => match changes_since(&feeds, &board, sent).await {
                Ok((version, message)) => {
                    sent = version;
                    if message.is_some_and(|message| !feeds.send(&board, &message)) {
                        return;
                    }
                    sleep(MIN_MESSAGE_INTERVAL).await;
                }
                Err(error) => {
                    tracing::warn!(?error, "the changes of a board cannot be read, trying again");
                    versions.mark_changed();
                    sleep(RETRY_DELAY).await;
                }
            }
        }
    }
}

/// What changed after version `sent`, and the version that the subscribers have then.
async fn changes_since(
    feeds: &Feeds,
    board: &Board,
    sent: u64,
) -> Result<(u64, Option<Message>), ApiError> {
    let newest = feeds.queries.boards_version()?.number;
    let Some(changes) = feeds.queries.ranking_changes(board, sent, MAX_ARTISTS_PER_MESSAGE).await?
    else {
        return Ok((newest, Some(Message::reset(feeds.message_id(newest)))));
    };
    let version = changes.version;
    Ok((version, Message::change(feeds.message_id(version), changes)?))
}
