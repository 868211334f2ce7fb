//! How one process learns what a projector in another has committed: `NOTIFY anb_projection`.

use std::sync::Arc;
use std::time::Duration;

use domain::Position;
use ports::verdicts::{VerdictDesk, VerdictLookup};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::{PgConnection, PgListener};
use tokio::sync::watch;

use crate::ErasureEpoch;

pub(crate) const CHANNEL: &str = "anb_projection";
const RECONNECT: Duration = Duration::from_millis(500);
/// A connection may be dead without a word. After so long without a notification we look for
/// ourselves whether there was nothing to be told.
const QUIET: Duration = Duration::from_secs(2);

/// What a committed batch tells the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitNotification {
    /// The ranking's new revision, if it changed.
    #[serde(rename = "generation")] // its name on the wire
    pub ranking_revision: Option<u64>,
    /// The checkpoints that moved, and where they stand now.
    pub checkpoints: Vec<Position>,
    /// Whether accounts were erased.
    #[serde(default)]
    pub erased: bool,
}

impl CommitNotification {
    /// What is known once `news` has come, too.
    fn learn(&mut self, news: Self) {
        self.ranking_revision = news.ranking_revision.or(self.ranking_revision);
        for new in news.checkpoints {
            self.checkpoints.retain(|old| old.partition != new.partition);
            self.checkpoints.push(new);
        }
        self.checkpoints.sort_unstable();
    }

    /// Tells everybody once the transaction has committed.
    pub(crate) async fn notify(
        &self,
        connection: &mut PgConnection,
        channel: &str,
    ) -> Result<(), sqlx::Error> {
        sqlx::query("select pg_notify($1, $2)")
            .bind(channel)
            .bind(self.payload()?)
            .execute(connection)
            .await?;
        Ok(())
    }

    pub(crate) fn payload(&self) -> Result<String, sqlx::Error> {
        serde_json::to_string(self).map_err(|error| sqlx::Error::Encode(error.into()))
    }
}

/// Listens for ever: moves the desk's checkpoints and the ranking's revision as projectors, here
/// or elsewhere, commit, and notes erasure_epoch. After a lost connection it reads where things stand, and
/// takes for granted that somebody was erased meanwhile, so nothing is missed.
pub async fn follow(
    pool: PgPool,
    lookup: Arc<dyn VerdictLookup>,
    desk: Arc<VerdictDesk>,
    ranking_revision: watch::Sender<u64>,
    erasure_epoch: ErasureEpoch,
) {
    loop {
        let listened =
            listen(&pool, lookup.as_ref(), &desk, &ranking_revision, &erasure_epoch).await;
        if let Err(error) = listened {
            tracing::warn!(%error, "cannot follow the projection, trying again");
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn listen(
    pool: &PgPool,
    lookup: &dyn VerdictLookup,
    desk: &VerdictDesk,
    ranking_revision: &watch::Sender<u64>,
    erasure_epoch: &ErasureEpoch,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut listener = PgListener::connect_with(pool).await?;
    // A new connection that it makes by itself would listen on as if nothing had been missed.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    // Whatever was committed before we listened would otherwise go unnoticed.
    erasure_epoch.advance();
    let mut known = standing(pool, lookup).await?;
    // Not raised: after a crash the database may have gone back, and then somebody must look.
    ranking_revision.send_replace(known.ranking_revision.unwrap_or_default());
    pass_on(&known, desk, ranking_revision);
    loop {
        erasure_epoch.confirm_followed();
        let Ok(notification) = tokio::time::timeout(QUIET, listener.try_recv()).await else {
            let now = standing(pool, lookup).await?;
            if now != known {
                return Err("the projection has moved, and no notification came".into());
            }
            continue;
        };
        let Some(notification) = notification? else { return Ok(()) };
        let progress: CommitNotification = serde_json::from_str(notification.payload())?;
        // Before anybody is told a verdict, so that whoever asks next sees what it did.
        if progress.erased {
            erasure_epoch.advance();
        }
        pass_on(&progress, desk, ranking_revision);
        known.learn(progress);
    }
}

/// Where the projection stands now.
async fn standing(
    pool: &PgPool,
    lookup: &dyn VerdictLookup,
) -> Result<CommitNotification, Box<dyn std::error::Error + Send + Sync>> {
    let mut checkpoints = lookup.checkpoints().await?;
    // A new partition is claimed without a word: nothing of it is folded, so nobody waits for it.
    checkpoints.retain(|checkpoint| checkpoint.offset > 0);
    let ranking_revision: i64 =
        sqlx::query_scalar("select generation from ranking_head").fetch_one(pool).await?;
    Ok(CommitNotification {
        ranking_revision: Some(u64::try_from(ranking_revision)?),
        checkpoints,
        erased: false,
    })
}

fn pass_on(
    progress: &CommitNotification,
    desk: &VerdictDesk,
    ranking_revision: &watch::Sender<u64>,
) {
    if let Some(new) = progress.ranking_revision {
        raise(ranking_revision, new);
    }
    for checkpoint in &progress.checkpoints {
        desk.advance(checkpoint.partition, checkpoint.offset);
    }
}

/// Notifications of different projectors may arrive late: the newest revision stands.
pub fn raise(ranking_revision: &watch::Sender<u64>, new: u64) {
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

    #[tokio::test]
    async fn a_partition_of_which_nothing_is_folded_is_no_news() {
        let pool = test_services::database().await;
        let lookup = PostgresReadModels::new(pool.clone());
        let before = standing(&pool, &lookup).await.unwrap();
        let claimed = "insert into checkpoints (partition, next_offset) values (0, 0), (1, 7)";
        sqlx::query(claimed).execute(&pool).await.unwrap();
        let after = standing(&pool, &lookup).await.unwrap();
        assert_eq!(before.checkpoints, []);
        assert_eq!(after.checkpoints, [Position { partition: 1, offset: 7 }]);
    }
}
