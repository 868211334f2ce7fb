//! The listener through which a process learns of commits in other processes: `LISTEN anb_projection`.

use std::sync::Arc;
use std::time::Duration;

use infra::database::{Listener, Pool, from_bigint};
use ports::verdicts::{VerdictDesk, VerdictLookup};
use tokio::sync::watch;

use crate::commit_notification::{CHANNEL, CommitNotification};
use crate::erasure_epoch::ErasureEpoch;

/// How long to wait before a lost connection is opened again.
const RECONNECT_DELAY: Duration = Duration::from_millis(500);
/// A lost connection may stay silent. After this time without a notification the listener compares
/// its state with the database.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(2);

/// Listens until the task is dropped. Each commit of a projector, in any process, advances the
/// checkpoints of `desk`, the ranking revision and, after an erasure, the erasure epoch.
///
/// After a lost connection it reads the current state and advances the epoch: an erasure may have been
/// missed.
pub async fn follow(
    pool: Pool,
    lookup: Arc<dyn VerdictLookup>,
    desk: Arc<VerdictDesk>,
    ranking_revision: watch::Sender<u64>,
    erasure_epoch: ErasureEpoch,
) {
    loop {
        let listened =
            listen(&pool, lookup.as_ref(), &desk, &ranking_revision, &erasure_epoch).await;
        if let Err(error) = listened {
            tracing::warn!(%error, "cannot listen for commits, trying again");
        }
        tokio::time::sleep(RECONNECT_DELAY).await;
    }
}

async fn listen(
    pool: &Pool,
    lookup: &dyn VerdictLookup,
    desk: &VerdictDesk,
    ranking_revision: &watch::Sender<u64>,
    erasure_epoch: &ErasureEpoch,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut listener = Listener::open(pool, CHANNEL).await?;
    // Covers erasures that were committed before this connection listened.
    erasure_epoch.advance();
    let mut known = current_state(pool, lookup).await?;
    // Set even if it is lower: after a crash the database may have gone back to an older revision, and
    // the follower must read it.
    ranking_revision.send_replace(known.ranking_revision.unwrap_or_default());
    apply(&known, desk, ranking_revision);
    loop {
        erasure_epoch.confirm_followed();
        let Some(notification) = listener.next(SILENCE_TIMEOUT).await? else {
            listener.test().await?;
            let now = current_state(pool, lookup).await?;
            if now != known {
                return Err("the projection has moved, and no notification came".into());
            }
            continue;
        };
        let commit: CommitNotification = serde_json::from_str(notification.payload())?;
        // Before the verdict is delivered: the next request of the same client must see the erasure.
        if commit.erased {
            erasure_epoch.advance();
        }
        apply(&commit, desk, ranking_revision);
        known.merge(commit);
    }
}

/// The current state of the projection, as a notification.
async fn current_state(
    pool: &Pool,
    lookup: &dyn VerdictLookup,
) -> Result<CommitNotification, Box<dyn std::error::Error + Send + Sync>> {
    let mut checkpoints = lookup.checkpoints().await?;
    // Claiming a new partition sends no notification. Nothing of it is folded, so no client waits for it.
    checkpoints.retain(|checkpoint| checkpoint.offset > 0);
    let ranking_revision =
        sqlx::query_scalar!("select generation from ranking_head").fetch_one(pool).await?;
    Ok(CommitNotification {
        ranking_revision: Some(from_bigint(ranking_revision)?),
        checkpoints,
        erased: false,
    })
}

fn apply(commit: &CommitNotification, desk: &VerdictDesk, ranking_revision: &watch::Sender<u64>) {
    if let Some(new) = commit.ranking_revision {
        raise(ranking_revision, new);
    }
    for checkpoint in &commit.checkpoints {
        desk.advance(checkpoint.partition, checkpoint.offset);
    }
}

/// Sets the revision unless it is older: notifications of different projectors may arrive late.
pub(crate) fn raise(ranking_revision: &watch::Sender<u64>, new: u64) {
    ranking_revision.send_if_modified(|current| {
        let newer = new > *current;
        *current = new.max(*current);
        newer
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_models::PostgresReadModels;
    use domain::Position;

    #[tokio::test]
    async fn a_claimed_partition_without_folded_records_is_left_out() {
        let pool = test_services::database().await;
        let lookup = PostgresReadModels::new(pool.clone());
        let before = current_state(&pool, &lookup).await.unwrap();
        let claimed = "insert into checkpoints (partition, next_offset) values (0, 0), (1, 7)";
        sqlx::query(claimed).execute(&pool).await.unwrap();
        let after = current_state(&pool, &lookup).await.unwrap();
        assert_eq!(before.checkpoints, []);
        assert_eq!(after.checkpoints, [Position { partition: 1, offset: 7 }]);
    }
}
