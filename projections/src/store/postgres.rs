//! The read models in Postgres.
//!
//! One connection does it all: it holds the advisory locks of the owned partitions, and every batch
//! commits on it. Losing the connection therefore loses the locks and the batch together.

mod advance;
mod load;
mod ranking;
mod recent;
mod rows;
mod write;

pub(crate) use ranking::current as ranking_generation;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::contest::WorkingSetKeys;
use domain::{Contest, Position, fold};
use infra::database::is_transient;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use super::{Advance, Batch, Committed, Store, StoreError};
use crate::by_keys;
use crate::generations::{self, State};
use crate::notifications::{CHANNEL, CommitNotification};
use advance::advance;
use infra::database::to_int;
use ranking::AffectedArtists;
use recent::RecentVideos;

/// The first half of the advisory lock's key, so that it meets no other use: "anb1" for the live
/// generation, "anb2" for the one that is being built.
const LIVE_LOCKS: i32 = 0x616e_6231;
const BUILDING_LOCKS: i32 = 0x616e_6232;

/// In milliseconds: two signs of life may be missed, and another owner is at work within five seconds.
const NO_SIGN_OF_LIFE: &str = "2500";

/// An answer that takes longer will not come: the network has forgotten the connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// A crash of Postgres takes back the transactions that had not reached the disk: less than a second
/// of them, so far fewer generations than this.
const LEAP: i64 = 1 << 20;

/// How the projector's connection works.
///
/// The log is the truth: rows lost in a crash are folded again, so no commit waits for the disk. And
/// every statement touches some rows by their keys, hence [`by_keys::SESSION`] besides.
///
/// A process that is frozen keeps its connection, and with it its locks. So Postgres itself cuts an
/// owner that gives no sign of life, also one that takes no answer: its locks are free then, and what
/// it had not committed is gone.
const SESSION: [(&str, &str); 3] = [
    ("idle_in_transaction_session_timeout", NO_SIGN_OF_LIFE),
    ("tcp_user_timeout", NO_SIGN_OF_LIFE),
    ("synchronous_commit", "off"),
];

/// The store of one projector.
pub struct PostgresStore {
    options: Arc<PgConnectOptions>,
    connection: Option<PgConnection>,
    /// Which generation's rows it writes: the live one, or the one that is being built.
    writes: State,
    /// Its number, once it is known.
    generation: Option<i64>,
    owned: Vec<u32>,
    recent: RecentVideos,
}

impl PostgresStore {
    /// The live generation. Connects when it first claims partitions.
    pub fn new(options: Arc<PgConnectOptions>) -> Self {
        // Nobody waits to take over from a rebuild, so only the live generation needs this.
        let options =
            Arc::unwrap_or_clone(options).options([("idle_session_timeout", NO_SIGN_OF_LIFE)]);
        Self::of(State::Live, options)
    }

    /// The generation that is being built, whose tables are found along `search_path`.
    pub(crate) fn building(options: Arc<PgConnectOptions>, search_path: &str) -> Self {
        let options = Arc::unwrap_or_clone(options).options([("search_path", search_path)]);
        Self::of(State::Building, options)
    }

    fn of(writes: State, options: PgConnectOptions) -> Self {
        Self {
            options: Arc::new(options.options(SESSION).options(by_keys::SESSION)),
            connection: None,
            writes,
            generation: None,
            owned: Vec::new(),
            recent: RecentVideos::default(),
        }
    }

    async fn connection(&mut self) -> Result<&mut PgConnection, StoreError> {
        if self.connection.is_none() {
            self.owned.clear();
            self.recent.forget();
            let connection = PgConnection::connect_with(&self.options).await.map_err(from_sqlx)?;
            self.connection = Some(connection);
        }
        self.connection.as_mut().ok_or_else(|| StoreError::Unavailable("not connected".to_owned()))
    }

    /// After an error nothing is certain of the connection, nor of the locks it held.
    fn forget<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if result.is_err() {
            self.connection = None;
            self.owned.clear();
            self.recent.forget();
        }
        result
    }

    async fn try_claim(&mut self, partitions: u32) -> Result<Vec<Position>, StoreError> {
        if !self.may_write().await? {
            return Ok(Vec::new());
        }
        let missing: Vec<i32> =
            (0..partitions).filter(|p| !self.owned.contains(p)).map(to_int).collect();
        let (writes, connection) = (self.writes, self.connection().await?);
        let won: Vec<i32> = sqlx::query_scalar(
            "select p from unnest($1::int[]) as p where pg_try_advisory_lock($2, p)",
        )
        .bind(&missing)
        .bind(if writes == State::Live { LIVE_LOCKS } else { BUILDING_LOCKS })
        .fetch_all(&mut *connection)
        .await
        .map_err(from_sqlx)?;
        sqlx::query(
            "insert into checkpoints (partition, next_offset)
             select p, 0 from unnest($1::int[]) as p on conflict do nothing",
        )
        .bind(&won)
        .execute(&mut *connection)
        .await
        .map_err(from_sqlx)?;
        if writes == State::Live && !won.is_empty() {
            leap(connection).await.map_err(from_sqlx)?;
        }
        self.owned.extend(won.into_iter().filter_map(|p| u32::try_from(p).ok()));
        self.owned.sort_unstable();
        let owned: Vec<i32> = self.owned.iter().copied().map(to_int).collect();
        let rows = sqlx::query(
            "select partition, next_offset from checkpoints where partition = any($1)
             order by partition",
        )
        .bind(&owned)
        .fetch_all(self.connection().await?)
        .await
        .map_err(from_sqlx)?;
        rows.iter().map(|row| rows::position(row).map_err(from_sqlx)).collect()
    }

    /// Looks up which generation there is to write. What a newer fold has made is not for this one to
    /// go on with.
    async fn may_write(&mut self) -> Result<bool, StoreError> {
        let writes = self.writes;
        let connection = self.connection().await?;
        let found = generations::in_state(connection, writes).await.map_err(from_sqlx)?;
        let Some(found) = found else {
            return Err(StoreError::Broken(format!("no generation is {writes}")));
        };
        if self.generation != Some(found.number) {
            self.recent.forget();
        }
        let known = self.generation.replace(found.number);
        if found.fold_version <= fold::VERSION {
            return Ok(true);
        }
        if known != self.generation {
            tracing::warn!(
                generation = found.number,
                "standing by: version {} of the fold made the read models, this is version {}",
                found.fold_version,
                fold::VERSION
            );
        }
        if !self.owned.is_empty() {
            // The locks go with it.
            self.connection = None;
        }
        Ok(false)
    }

    /// A connection that is gone is not made again here: the locks went with it.
    async fn try_keep_alive(&mut self) -> Result<(), StoreError> {
        match &mut self.connection {
            Some(connection) => connection.ping().await.map_err(from_sqlx),
            None => Err(StoreError::Unavailable("not connected".to_owned())),
        }
    }

    async fn try_load(&mut self, keys: &WorkingSetKeys) -> Result<Contest, StoreError> {
        self.connection().await?;
        let Self { connection: Some(connection), recent, .. } = self else {
            return Err(StoreError::Unavailable("not connected".to_owned()));
        };
        load::working_set(connection, recent, keys).await.map_err(from_sqlx)
    }

    async fn try_commit(&mut self, batch: &Batch<'_>) -> Result<Committed, StoreError> {
        let tenure = Tenure { writes: self.writes, generation: self.generation };
        let mut tx = self.connection().await?.begin().await.map_err(from_sqlx)?;
        let generation = advance(&mut tx, batch, tenure).await?.map(|current| current + 1);
        write::all(&mut tx, batch).await.map_err(from_sqlx)?;
        notify_processes(&mut tx, batch, generation, tenure.writes).await.map_err(from_sqlx)?;
        tx.commit().await.map_err(from_sqlx)?;
        Ok(Committed { ranking_revision: generation.and_then(|number| u64::try_from(number).ok()) })
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn claim(&mut self, partitions: u32) -> Result<Vec<Position>, StoreError> {
        let result = patiently(self.try_claim(partitions)).await;
        self.forget(result)
    }

    async fn keep_alive(&mut self) -> Result<(), StoreError> {
        let result = patiently(self.try_keep_alive()).await;
        self.forget(result)
    }

    async fn load(&mut self, keys: &WorkingSetKeys) -> Result<Contest, StoreError> {
        let result = patiently(self.try_load(keys)).await;
        self.forget(result)
    }

    async fn commit(&mut self, batch: &Batch<'_>) -> Result<Committed, StoreError> {
        let result = patiently(self.try_commit(batch)).await;
        if result.is_ok() {
            self.recent.committed(batch);
        }
        self.forget(result)
    }
}

async fn patiently<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let late = |_| StoreError::Unavailable(format!("no answer within {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, work).await.map_err(late)?
}

/// Which generation a store writes to.
#[derive(Clone, Copy)]
struct Tenure {
    writes: State,
    generation: Option<i64>,
}

/// Goes on behind the generations of the ranking that were live until now: never back to an old
/// number, since whoever has seen that one would not look. Who is still there may have changed, too.
pub(crate) async fn follow_on(
    connection: &mut PgConnection,
    live_until_now: i64,
) -> Result<(), sqlx::Error> {
    let generation = ranking::current(connection).await?.max(live_until_now) + 1;
    ranking::begin_anew(connection, generation).await?;
    let erased = CommitNotification { erased: true, ..CommitNotification::default() };
    erased.notify(connection, CHANNEL).await
}

/// Leaves behind every generation that readers may have heard of, also those that a crash has taken
/// back: they wait for a newer one, and would sleep through a number that comes twice. Unlike a
/// batch's, this commit waits for the disk.
async fn leap(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let mut tx = connection.begin().await?;
    sqlx::query("set local synchronous_commit = on").execute(&mut *tx).await?;
    begin_trail(&mut tx, LEAP).await?;
    tx.commit().await
}

/// Goes on by so many generations, without a trail from the old ones to the new one, and tells everybody.
async fn begin_trail(connection: &mut PgConnection, by: i64) -> Result<(), sqlx::Error> {
    let generation = ranking::current(connection).await? + by;
    ranking::begin_anew(connection, generation).await
}

/// Tells everybody what the batch has brought: the ranking's new generation, if there is one.
async fn notify_processes(
    connection: &mut PgConnection,
    batch: &Batch<'_>,
    generation: Option<i64>,
    writes: State,
) -> Result<(), sqlx::Error> {
    // Nobody listens to what nobody sees yet.
    let channel = if writes == State::Live { CHANNEL } else { "anb_building" };
    let reached = |advance: &Advance| Position { partition: advance.partition, offset: advance.to };
    let progress = CommitNotification {
        ranking_revision: None,
        checkpoints: batch.advances.iter().map(reached).collect(),
        erased: !batch.changes.erased.is_empty(),
    };
    let Some(generation) = generation else { return progress.notify(connection, channel).await };
    let touched = AffectedArtists::by(batch);
    if !batch.changes.status_changed.is_empty() {
        ranking::retire(connection, generation, &touched).await?;
    }
    ranking::publish(connection, generation, &touched, progress, channel).await
}

/// Tells a fault that passes from one that does not.
pub(crate) fn from_sqlx(error: sqlx::Error) -> StoreError {
    if is_transient(&error) {
        StoreError::Unavailable(error.to_string())
    } else {
        StoreError::Broken(error.to_string())
    }
}
