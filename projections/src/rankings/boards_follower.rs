//! Keeps the boards in step with the read models.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;
use sqlx::{Connection, PgPool};
use tokio::sync::watch;

use super::current::Rankings;
use super::ranking_rows::{self, RevisionId, Since, Whole};
use crate::by_keys;
use crate::query_error::QueryError;

/// The boards move on at most so often: pages are made anew each time. A vote that comes alone shows
/// at once.
const PACE: Duration = Duration::from_millis(40);
/// How long to wait after a fault that passes.
const RETRY: Duration = Duration::from_millis(250);
/// An answer that takes longer will not come: the network has forgotten the connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads each new revision of the ranking into the boards of this process.
pub struct BoardsFollower {
    pool: PgPool,
    /// Asked many times a second what has changed: of its own, so that no pool looks each time whether it
    /// still works.
    connection: Option<PgConnection>,
    rankings: Arc<Rankings>,
    /// What the boards hold; `None` if they must be read anew.
    revision_id: Option<RevisionId>,
}

impl BoardsFollower {
    /// A follower that has not read anything yet.
    pub fn new(pool: PgPool, rankings: Arc<Rankings>) -> Self {
        Self { pool, connection: None, rankings, revision_id: None }
    }

    /// Follows for ever: `ranking_revision` says when there is something new.
    pub async fn run(mut self, mut ranking_revision: watch::Receiver<u64>) {
        loop {
            // Seen before it is read: what comes meanwhile counts as new.
            ranking_revision.mark_unchanged();
            let started = Instant::now();
            if let Err(error) = self.catch_up().await {
                tracing::warn!(%error, "cannot follow the ranking, trying again");
                tokio::time::sleep(RETRY).await;
                continue;
            }
            // Whatever it takes, it takes no more than half of the time.
            tokio::time::sleep(PACE.max(started.elapsed())).await;
            if ranking_revision.changed().await.is_err() {
                // Nobody is left who could say that there is something new.
                return std::future::pending().await;
            }
        }
    }

    /// Brings the boards to the newest revision.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer; the boards stay as they are.
    pub async fn catch_up(&mut self) -> Result<(), QueryError> {
        if let Some(revision_id) = self.revision_id
            && let Some(since) = self.since(revision_id).await?
        {
            if since.revision_id != revision_id {
                let started = Instant::now();
                self.rankings.apply(since.revision_id.ranking_revision, since.changes);
                metrics::histogram!("anb_rankings_apply_seconds").record(started.elapsed());
            }
            self.revision_id = Some(since.revision_id);
            return Ok(());
        }
        self.load().await
    }

    async fn since(&mut self, revision_id: RevisionId) -> Result<Option<Since>, QueryError> {
        let was_open = self.connection.is_some();
        match self.try_since(revision_id).await {
            // The server may have gone and come back since: only a new connection can tell.
            Err(QueryError::Unavailable(_)) if was_open => self.try_since(revision_id).await,
            since => since,
        }
    }

    /// A connection is used again only if it has answered.
    async fn try_since(&mut self, revision_id: RevisionId) -> Result<Option<Since>, QueryError> {
        let open = self.connection.take();
        let asking = async {
            let mut connection = match open {
                Some(connection) => connection,
                None => {
                    let options = self.pool.connect_options().as_ref().clone();
                    PgConnection::connect_with(&options.options(by_keys::SESSION)).await?
                }
            };
            let since = ranking_rows::since(&mut connection, revision_id).await?;
            Ok::<_, QueryError>((connection, since))
        };
        let late =
            |_| QueryError::unavailable(format!("no answer within {} s", PATIENCE.as_secs()));
        let (connection, since) = tokio::time::timeout(PATIENCE, asking).await.map_err(late)??;
        self.connection = Some(connection);
        Ok(since)
    }

    async fn load(&mut self) -> Result<(), QueryError> {
        let started = Instant::now();
        let Whole { ranking_revision, revision_id, artists } =
            ranking_rows::whole(&self.pool).await?;
        // Sorting a million takes a while.
        let sorting = tokio::task::spawn_blocking(move || artists.build(ranking_revision));
        let boards = sorting.await.map_err(QueryError::broken)?;
        let (artists, bytes) = (boards.artists(), boards.heap_bytes());
        self.rankings.replace(boards);
        self.revision_id = revision_id;
        metrics::counter!("anb_rankings_loads_total").increment(1);
        metrics::gauge!("anb_rankings_artists").set(artists as f64);
        metrics::gauge!("anb_rankings_bytes").set(bytes as f64);
        let ms = started.elapsed().as_millis() as u64;
        tracing::info!(artists, bytes, ms, "the boards are loaded");
        Ok(())
    }
}
