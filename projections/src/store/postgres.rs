//! The read models in Postgres.
//!
//! One connection holds the advisory locks of the owned partitions, and every batch commits on it. If
//! the connection is lost, the locks and the batch are lost together.

mod advance;
mod load;
mod ownership;
mod ranking_writer;
mod recent_videos;
mod rows;
mod video_row;
mod write;

use std::time::Duration;

use async_trait::async_trait;
use domain::contest::WorkingSetKeys;
use domain::{Contest, Position, fold};
use infra::database::{SessionOptions, from_bigint, to_int};
use infra::timeout::within;
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use self::advance::advance;
use self::ownership::Ownership;
use self::ranking_writer::AffectedArtists;
use self::recent_videos::RecentVideos;
use super::{Advance, Batch, Claimed, Committed, Store, StoreError};
use crate::checkpoint_rows::{self, CheckpointRow};
use crate::commit_notification::{BUILDING_CHANNEL, CHANNEL, CommitNotification};
use crate::generations::{self, GenerationState};
use crate::planner_settings;
use crate::ranking_head;

/// The first half of the keys of advisory locks, distinct from all other uses: "anb1" for the live
/// generation, "anb2" for the one that is being built.
const LIVE_LOCKS: i32 = 0x616e_6231;
const BUILDING_LOCKS: i32 = 0x616e_6232;

/// Milliseconds without a heartbeat after which an owner loses its partitions. It may miss two, and
/// another owner works within five seconds.
const HEARTBEAT_TIMEOUT_MS: &str = "2500";

/// Bounds each operation of the store. A dropped network connection gives no error, and would hang the
/// projector.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);
/// The same for a generation that is being built, whose batches are larger.
const BUILDING_TIMEOUT: Duration = Duration::from_secs(30);
/// Bounds a heartbeat. A later one is too late anyway.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_millis(2_500);

/// Settings of the projector's session, besides [`planner_settings::KEY_LOOKUPS`].
///
/// - Commits do not wait for the disk: the log is the source of truth, and lost rows are folded again.
/// - A frozen process keeps its connection and its locks. Postgres ends the session of an owner without
///   heartbeats, also of one that does not read answers. That frees the locks and rolls back its batch.
const SESSION_SETTINGS: [(&str, &str); 3] = [
    ("idle_in_transaction_session_timeout", HEARTBEAT_TIMEOUT_MS),
    ("tcp_user_timeout", HEARTBEAT_TIMEOUT_MS),
    ("synchronous_commit", "off"),
];

/// The store of one projector.
pub struct PostgresStore {
    options: SessionOptions,
    connection: Option<PgConnection>,
    ownership: Ownership,
    owned: Vec<u32>,
    recent: RecentVideos,
}

impl PostgresStore {
    /// A store of the live generation. It connects when it first claims partitions.
    pub fn new(options: SessionOptions) -> Self {
        // Only the live generation has other processes that wait to take over.
        let heartbeat = [("idle_session_timeout", HEARTBEAT_TIMEOUT_MS)];
        Self::of(GenerationState::Live, options.with(heartbeat))
    }

    /// A store of the generation that is being built, whose tables `search_path` finds.
    pub(crate) fn building(options: SessionOptions, search_path: &str) -> Self {
        Self::of(GenerationState::Building, options.with_search_path(search_path))
    }

    fn of(writes: GenerationState, options: SessionOptions) -> Self {
        Self {
            options: options.with(SESSION_SETTINGS).with(planner_settings::KEY_LOOKUPS),
            connection: None,
            ownership: Ownership { writes, generation: None },
            owned: Vec::new(),
            recent: RecentVideos::default(),
        }
    }

    async fn connection(&mut self) -> Result<&mut PgConnection, StoreError> {
        if self.connection.is_none() {
            self.owned.clear();
            self.recent.clear();
            let connection = self.options.open().await?;
            self.connection = Some(connection);
        }
        self.connection.as_mut().ok_or_else(not_connected)
    }

    fn timeout(&self) -> Timeout {
        Timeout(match self.ownership.writes {
            GenerationState::Building => BUILDING_TIMEOUT,
            GenerationState::Live | GenerationState::Retired => OPERATION_TIMEOUT,
        })
    }

    /// Drops the connection after an error: it may have lost its locks.
    fn disconnect_on_error<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if result.is_err() {
            self.connection = None;
            self.owned.clear();
            self.recent.clear();
        }
        result
    }

    async fn try_claim(&mut self, partitions: &[u32]) -> Result<Claimed, StoreError> {
        if !self.may_write().await? {
            return Ok(Claimed::default());
        }
        self.release_all_but(partitions).await?;
        let missing = partitions.iter().filter(|p| !self.owned.contains(p));
        let missing: Vec<i32> = missing.copied().map(to_int).collect();
        let writes = self.ownership.writes;
        let connection = self.connection().await?;
        let won = sqlx::query_scalar!(
            r#"select p as "p!" from unnest($1::int[]) as p where pg_try_advisory_lock($2, p)"#,
            &missing,
            locks(writes),
        )
        .fetch_all(&mut *connection)
        .await?;
        sqlx::query!(
            "insert into checkpoints (partition, next_offset)
             select p, 0 from unnest($1::int[]) as p on conflict do nothing",
            &won,
        )
        .execute(&mut *connection)
        .await?;
        if writes == GenerationState::Live && !won.is_empty() {
            ranking_head::skip_seen_revisions(connection).await?;
        }
        self.owned.extend(won.into_iter().filter_map(|p| u32::try_from(p).ok()));
        self.owned.sort_unstable();
        let owned: Vec<i32> = self.owned.iter().copied().map(to_int).collect();
        let rows = sqlx::query_as!(
            CheckpointRow,
            "select partition, next_offset, log_identity, last_record, identified_offset
             from checkpoints where partition = any($1) order by partition",
            &owned,
        )
        .fetch_all(self.connection().await?)
        .await?;
        let owned: Result<_, _> = rows.into_iter().map(CheckpointRow::checkpoint).collect();
        let folded_logs = checkpoint_rows::folded_logs(self.connection().await?).await?;
        Ok(Claimed { owned: owned?, folded_logs })
    }

    /// Gives up owned partitions that are not among `partitions`, for other processes to claim.
    async fn release_all_but(&mut self, partitions: &[u32]) -> Result<(), StoreError> {
        let (kept, released): (Vec<u32>, Vec<u32>) =
            self.owned.iter().partition(|owned| partitions.contains(owned));
        if released.is_empty() {
            return Ok(());
        }
        let released: Vec<i32> = released.into_iter().map(to_int).collect();
        let writes = self.ownership.writes;
        sqlx::query!(
            "select pg_advisory_unlock($1, p) from unnest($2::int[]) as p",
            locks(writes),
            &released,
        )
        .fetch_all(self.connection().await?)
        .await?;
        self.owned = kept;
        Ok(())
    }

    /// Looks up the generation to write. Returns `false` if a newer version of the fold made it.
    async fn may_write(&mut self) -> Result<bool, StoreError> {
        let writes = self.ownership.writes;
        let connection = self.connection().await?;
        let found = generations::in_state(connection, writes).await?;
        let Some(found) = found else {
            return Err(StoreError::broken(format!("no generation is {writes}")));
        };
        if self.ownership.generation != Some(found.number) {
            self.recent.clear();
        }
        let known = self.ownership.generation.replace(found.number);
        if found.fold_version <= fold::VERSION {
            return Ok(true);
        }
        if known != self.ownership.generation {
            tracing::warn!(
                generation = found.number,
                made_by = found.fold_version,
                own = fold::VERSION,
                "standing by: a newer version of the fold made the read models"
            );
        }
        if !self.owned.is_empty() {
            // This releases the locks.
            self.connection = None;
        }
        Ok(false)
    }

    /// A lost connection is not opened again here: its locks are lost, too.
    async fn try_keep_alive(&mut self) -> Result<(), StoreError> {
        match &mut self.connection {
            Some(connection) => Ok(connection.ping().await?),
            None => Err(not_connected()),
        }
    }

    async fn try_load(&mut self, keys: &WorkingSetKeys) -> Result<Contest, StoreError> {
        self.connection().await?;
        let Self { connection: Some(connection), recent, .. } = self else {
            return Err(not_connected());
        };
        Ok(load::working_set(connection, recent, keys).await?)
    }

    async fn try_commit(&mut self, batch: &Batch<'_>) -> Result<Committed, StoreError> {
        let ownership = self.ownership;
        let mut tx = self.connection().await?.begin().await?;
        let new = advance(&mut tx, batch, ownership).await?.map(|newest| newest + 1);
        write::all(&mut tx, batch).await?;
        notify_processes(&mut tx, batch, new, ownership.writes).await?;
        tx.commit().await?;
        Ok(Committed { ranking_revision: new.map(from_bigint).transpose()? })
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn claim(&mut self, partitions: &[u32]) -> Result<Claimed, StoreError> {
        let result = self.timeout().bound(self.try_claim(partitions)).await;
        self.disconnect_on_error(result)
    }

    async fn keep_alive(&mut self) -> Result<(), StoreError> {
        let result = Timeout(KEEP_ALIVE_TIMEOUT).bound(self.try_keep_alive()).await;
        self.disconnect_on_error(result)
    }

    async fn load(&mut self, keys: &WorkingSetKeys) -> Result<Contest, StoreError> {
        let result = self.timeout().bound(self.try_load(keys)).await;
        self.disconnect_on_error(result)
    }

    async fn commit(&mut self, batch: &Batch<'_>) -> Result<Committed, StoreError> {
        let result = self.timeout().bound(self.try_commit(batch)).await;
        if result.is_ok() {
            self.recent.committed(batch);
        }
        self.disconnect_on_error(result)
    }
}

/// The bound of one operation.
struct Timeout(Duration);

impl Timeout {
    async fn bound<T>(
        self,
        operation: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        within("projector_store", self.0, operation).await.map_err(StoreError::unavailable)?
    }
}

fn locks(writes: GenerationState) -> i32 {
    if writes == GenerationState::Live { LIVE_LOCKS } else { BUILDING_LOCKS }
}

fn not_connected() -> StoreError {
    StoreError::unavailable("not connected")
}

/// Updates the ranking for `ranking_revision`, and sends what the batch changed when the transaction
/// commits.
async fn notify_processes(
    connection: &mut PgConnection,
    batch: &Batch<'_>,
    ranking_revision: Option<i64>,
    writes: GenerationState,
) -> Result<(), sqlx::Error> {
    let channel = if writes == GenerationState::Live { CHANNEL } else { BUILDING_CHANNEL };
    let moved = |advance: &Advance| Position { partition: advance.partition, offset: advance.to };
    let notification = CommitNotification {
        ranking_revision: None,
        checkpoints: batch.advances.iter().map(moved).collect(),
        erased: !batch.changes.erased.is_empty(),
    };
    let Some(revision) = ranking_revision else {
        return notification.send(connection, channel).await;
    };
    let affected = AffectedArtists::by(batch);
    if !batch.changes.status_changed.is_empty() {
        ranking_writer::remove_unpublished(connection, revision, &affected).await?;
    }
    ranking_writer::publish(connection, revision, &affected, notification, channel).await
}
