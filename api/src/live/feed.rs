//! What one board sends to its watchers, as long as there are any.

use std::sync::Arc;

use projections::boards::Board;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use super::message::{Id, Message};
use super::{HEARTBEAT, Inner, PACE, RETRY, ROWS};
use crate::error::ApiError;

/// Tells the watchers of `board` what comes after edition `shown`, until the last one has gone, or
/// this process is about to stop: then their streams end.
pub(super) async fn run(live: Arc<Inner>, board: Board, mut shown: u64) {
    let mut editions = live.queries.editions();
    // What has come since the first watcher asked counts as new.
    editions.mark_changed();
    let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = live.stop.cancelled() => {
                live.feeds().remove(&board);
                return;
            }
            _ = heartbeat.tick() => {
                let id = Id { process: live.process, edition: shown };
                if !live.send(&board, &Message::heartbeat(id)) {
                    return;
                }
            }
            _ = editions.changed() => match live.next(&board, shown).await {
                Ok((edition, message)) => {
                    shown = edition;
                    if message.is_some_and(|message| !live.send(&board, &message)) {
                        return;
                    }
                    sleep(PACE).await;
                }
                Err(error) => {
                    tracing::warn!(?error, "cannot tell what has changed, trying again");
                    editions.mark_changed();
                    sleep(RETRY).await;
                }
            }
        }
    }
}

impl Inner {
    /// What comes after edition `shown`, and which edition that leads to.
    async fn next(&self, board: &Board, shown: u64) -> Result<(u64, Option<Message>), ApiError> {
        let newest = self.queries.edition()?.number;
        let process = self.process;
        let Some(changes) = self.queries.ranking_changes(board, shown, ROWS).await? else {
            return Ok((newest, Some(Message::reset(Id { process, edition: newest }))));
        };
        Ok((changes.edition, Message::change(process, changes)?))
    }

    /// Sends to all watchers of a board; `false` if there are none, and the feed is over.
    fn send(&self, board: &Board, message: &Message) -> bool {
        let mut feeds = self.feeds();
        let Some(seats) = feeds.get_mut(board) else { return false };
        seats.send(message);
        if seats.is_empty() {
            feeds.remove(board);
            return false;
        }
        true
    }
}
