//! The control connection of a rebuild. It holds the lock against other rebuilds, and generations are
//! switched on it: if it is lost, both are lost together.

use std::time::{Duration, Instant};

use domain::fold;
use infra::database::{Pool, to_bigint};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Postgres, Transaction};

use super::error::RebuildError;
use super::options::RebuildProgress;
use crate::generations::{self, Generation, GenerationState, in_state, tables};
use crate::ranking_head;

/// The key of the advisory lock of the process that rebuilds: "anbr".
const LOCK: i32 = 0x616e_6272;
/// How long to wait for the lock. Postgres needs some time to release the lock of a killed process.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
const LOCK_RETRY_DELAY: Duration = Duration::from_millis(200);
/// With these settings Postgres notices a dead machine within about ten seconds.
const SESSION_SETTINGS: [(&str, &str); 4] = [
    ("idle_in_transaction_session_timeout", "2500"),
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "2"),
    ("tcp_keepalives_count", "3"),
];

pub(super) struct Control {
    connection: PgConnection,
}

impl Control {
    /// Takes the lock against other rebuilds.
    pub(super) async fn take(pool: &Pool) -> Result<Self, RebuildError> {
        let mut connection = pool.session_options().with(SESSION_SETTINGS).open().await?;
        let started = Instant::now();
        while !lock(&mut connection).await? {
            if started.elapsed() > LOCK_TIMEOUT {
                let running = in_state(&mut connection, GenerationState::Building).await?;
                let progress = running.map(|it| (it.number, it.folded, it.target));
                return Err(RebuildError::Running(progress));
            }
            tokio::time::sleep(LOCK_RETRY_DELAY).await;
        }
        Ok(Self { connection })
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    pub(super) async fn live(&mut self) -> Result<Generation, RebuildError> {
        let live = in_state(&mut self.connection, GenerationState::Live).await?;
        Ok(live.ok_or(sqlx::Error::RowNotFound)?)
    }

    /// The generation in this state, if this version's fold and schema can continue it.
    pub(super) async fn usable(
        &mut self,
        state: GenerationState,
    ) -> Result<Option<Generation>, RebuildError> {
        let migrations = generations::migrations(&mut self.connection).await?;
        let found = in_state(&mut self.connection, state).await?;
        Ok(found.filter(|it| it.fold_version == fold::VERSION && it.migrations == Some(migrations)))
    }

    /// Makes the retired generation the one that is being built.
    pub(super) async fn revive(&mut self, retired: Generation) -> Result<Generation, RebuildError> {
        sqlx::query!("update generations set state = 'building' where number = $1", retired.number)
            .execute(&mut self.connection)
            .await?;
        Ok(Generation { state: GenerationState::Building, ..retired })
    }

    /// Stores the progress, for other processes to show.
    pub(super) async fn store_progress(
        &mut self,
        progress: RebuildProgress,
    ) -> Result<(), RebuildError> {
        sqlx::query!(
            "update generations set folded = $2, target = $3 where number = $1",
            progress.generation,
            to_bigint(progress.folded),
            to_bigint(progress.target),
        )
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }

    /// Keeps projectors from folding into the live generation until the transaction ends.
    pub(super) async fn pause(
        &mut self,
        home: &str,
        next: &Generation,
    ) -> Result<Transaction<'_, Postgres>, RebuildError> {
        let mut tx = self.connection.begin().await?;
        tables::reserve(&mut tx, home, &next.schema()).await?;
        // Not a checked macro: the statement has no parameters and no rows that one could check.
        sqlx::raw_sql("lock table checkpoints in exclusive mode").execute(&mut *tx).await?;
        Ok(tx)
    }
}

async fn lock(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"select pg_try_advisory_lock($1, 0) as "locked!""#, LOCK)
        .fetch_one(connection)
        .await
}

/// Switches the live and the next generation, and notifies all processes. In this transaction the live
/// generation must be paused, and both must be at the same positions.
pub(super) async fn switch(
    tx: &mut PgConnection,
    home: &str,
    next: &Generation,
) -> Result<i64, RebuildError> {
    let live = in_state(tx, GenerationState::Live).await?.ok_or(sqlx::Error::RowNotFound)?;
    // Read under the lock: a later migration waits, and then finds the new tables.
    let migrations = generations::migrations(tx).await?;
    if next.migrations != Some(migrations) {
        return Err(RebuildError::SchemaChanged);
    }
    let last_live = ranking_head::lock(tx).await?;
    tables::exchange(tx, home, &live, next).await?;
    ranking_head::continue_after(tx, last_live).await?;
    for (number, state, migrations) in [
        (live.number, GenerationState::Retired, Some(migrations)),
        (next.number, GenerationState::Live, None),
    ] {
        sqlx::query!(
            "update generations set state = $2, migrations = $3,
                 live_since = case when $2 = 'live' then now() else live_since end
             where number = $1",
            number,
            state.code(),
            migrations,
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(live.number)
}
