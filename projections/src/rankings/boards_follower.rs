//! Keeps the boards in step with the read models.

use std::sync::Arc;
use std::time::{Duration, Instant};

use infra::database::Pool;
use infra::timeout::within;
use sqlx::postgres::PgConnection;
use tokio::sync::watch;

use super::current::Rankings;
use super::ranking_rows::{self, ChangesSince, RevisionId, WholeRanking};
use crate::planner_settings;
use crate::query_error::QueryError;

/// The shortest time between two versions of the boards: each version invalidates the pages. A vote after
/// a pause shows at once.
const MIN_VERSION_INTERVAL: Duration = Duration::from_millis(40);
/// How long to wait after a failed query.
const RETRY_DELAY: Duration = Duration::from_millis(250);
/// Bounds a query for changes. A dropped network connection gives no error, and would stop the boards.
const CHANGES_QUERY_TIMEOUT: Duration = Duration::from_secs(3);

/// Reads each new revision of the ranking into the boards of this process.
pub struct BoardsFollower {
    pool: Pool,
    /// Queried many times a second, so it is not a pooled one: the pool would test it each time.
    connection: Option<PgConnection>,
    rankings: Arc<Rankings>,
    /// The revision of the boards; `None` if the whole ranking must be read.
    revision_id: Option<RevisionId>,
}

impl BoardsFollower {
    /// A follower that has read nothing yet.
    pub fn new(pool: Pool, rankings: Arc<Rankings>) -> Self {
        Self { pool, connection: None, rankings, revision_id: None }
    }

    /// Follows until the task is dropped. `ranking_revision` announces new revisions.
    pub async fn run(mut self, mut ranking_revision: watch::Receiver<u64>) {
        loop {
            // Before the query: a revision that arrives meanwhile must count as new.
            let announced = *ranking_revision.borrow_and_update();
            let started = Instant::now();
            if let Err(error) = self.catch_up().await {
                tracing::warn!(%error, "cannot read the changes of the ranking, trying again");
                tokio::time::sleep(RETRY_DELAY).await;
                continue;
            }
            if self.is_behind(announced) {
                // After a fail-over the old connection may lead to a server that gets no more changes.
                tracing::warn!(announced, "the ranking is older than announced, reconnecting");
                self.connection = None;
                tokio::time::sleep(RETRY_DELAY).await;
                continue;
            }
            // A slow query is repeated after its own duration, so queries take at most half of the time.
            tokio::time::sleep(MIN_VERSION_INTERVAL.max(started.elapsed())).await;
            if ranking_revision.changed().await.is_err() {
                // No sender is left, so no new revision can arrive.
                return std::future::pending().await;
            }
        }
    }

    fn is_behind(&self, announced: u64) -> bool {
        self.revision_id.is_some_and(|known| known.ranking_revision < announced)
    }

    /// Brings the boards to the newest revision.
    ///
    /// # Errors
    /// [`QueryError`] if the database gives no answer. The boards stay as they are.
    pub async fn catch_up(&mut self) -> Result<(), QueryError> {
        if let Some(revision_id) = self.revision_id
            && let Some(since) = self.changes_since(revision_id).await?
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

    async fn changes_since(
        &mut self,
        revision_id: RevisionId,
    ) -> Result<Option<ChangesSince>, QueryError> {
        let was_open = self.connection.is_some();
        match self.query_changes(revision_id).await {
            // The server may have restarted: retry on a new connection.
            Err(QueryError::Unavailable(_)) if was_open => self.query_changes(revision_id).await,
            changes => changes,
        }
    }

    /// Keeps the connection only if it answered.
    async fn query_changes(
        &mut self,
        revision_id: RevisionId,
    ) -> Result<Option<ChangesSince>, QueryError> {
        let open = self.connection.take();
        let query = async {
            let mut connection = match open {
                Some(connection) => connection,
                None => {
                    self.pool.session_options().with(planner_settings::KEY_LOOKUPS).open().await?
                }
            };
            let changes = ranking_rows::read_since(&mut connection, revision_id).await?;
            Ok::<_, QueryError>((connection, changes))
        };
        let queried = within("boards_changes", CHANGES_QUERY_TIMEOUT, query).await;
        let (connection, changes) = queried.map_err(QueryError::unavailable)??;
        self.connection = Some(connection);
        Ok(changes)
    }

    async fn load(&mut self) -> Result<(), QueryError> {
        let started = Instant::now();
        let WholeRanking { ranking_revision, revision_id, artists } =
            ranking_rows::read_whole(&self.pool).await?;
        // Sorting a million artists takes a while.
        let sorting = tokio::task::spawn_blocking(move || artists.build(ranking_revision));
        let boards = sorting.await.map_err(QueryError::broken)?;
        let (artists, bytes) = (boards.artists(), boards.heap_bytes());
        self.rankings.replace(boards);
        self.revision_id = revision_id;
        metrics::counter!("anb_rankings_loads_total").increment(1);
        metrics::gauge!("anb_rankings_artists").set(artists as f64);
        metrics::gauge!("anb_rankings_bytes").set(bytes as f64);
        let elapsed_ms = started.elapsed().as_millis() as u64;
        tracing::info!(artists, bytes, elapsed_ms, "the boards are loaded");
        Ok(())
    }
}
