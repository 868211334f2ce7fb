//! The newest revision of the ranking, and the trail of changed artists behind it.
//!
//! The columns are called `generation`, as older versions read them.

use sqlx::Connection;
use sqlx::postgres::PgConnection;

use crate::commit_notification::{CHANNEL, CommitNotification};

/// Revisions that a new owner skips. A crash of Postgres loses less than a second of commits, which is
/// far fewer revisions than this.
const SKIPPED_REVISIONS: i64 = 1 << 20;

/// The newest revision. It stays the newest until this transaction ends.
pub(crate) async fn lock(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!("select generation from ranking_head for update")
        .fetch_one(connection)
        .await
}

/// Skips all revisions that readers may have seen, also those that a crash has undone.
///
/// Readers wait for a higher number, so a number that comes twice would go unnoticed. Unlike the commit
/// of a batch, this commit waits for the disk.
pub(crate) async fn skip_seen_revisions(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let mut tx = connection.begin().await?;
    sqlx::query!("set local synchronous_commit = on").execute(&mut *tx).await?;
    let ranking_revision = lock(&mut tx).await? + SKIPPED_REVISIONS;
    restart_trail(&mut tx, ranking_revision).await?;
    tx.commit().await
}

/// Continues after the revisions of the generation that was live until now. Readers reload the boards,
/// and forget the persons they remember.
pub(crate) async fn continue_after(
    connection: &mut PgConnection,
    last_live: i64,
) -> Result<(), sqlx::Error> {
    let ranking_revision = lock(connection).await?.max(last_live) + 1;
    restart_trail(connection, ranking_revision).await?;
    let erased = CommitNotification { erased: true, ..CommitNotification::default() };
    erased.send(connection, CHANNEL).await
}

/// Makes `ranking_revision` the newest one and the first of a new trail. Readers of older revisions must
/// read the whole ranking.
async fn restart_trail(
    connection: &mut PgConnection,
    ranking_revision: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from ranking_changes").execute(&mut *connection).await?;
    sqlx::query!(
        "with head as (update ranking_head set generation = $1)
         insert into ranking_changes (generation, artists) values ($1, '{}')",
        ranking_revision
    )
    .execute(&mut *connection)
    .await?;
    let ranking_revision = u64::try_from(ranking_revision).ok();
    let notification = CommitNotification { ranking_revision, ..CommitNotification::default() };
    notification.send(connection, CHANNEL).await
}
