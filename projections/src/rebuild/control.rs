//! The one connection that a rebuild decides on: it holds the lock that keeps others from rebuilding,
//! and generations change places on it. Losing it loses both together.

use std::time::{Duration, Instant};

use domain::fold;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, PgPool, Postgres, Transaction};

use super::RebuildError;
use crate::generations::{self, Generation, State, in_state, tables};
use crate::store::postgres::{follow_on, ranking_generation};

/// The advisory lock of whoever rebuilds: "anbr".
const LOCK: i32 = 0x616e_6272;
/// A rebuild that was killed has its lock until Postgres notices.
const PATIENCE: Duration = Duration::from_secs(2);
const ASK_AGAIN: Duration = Duration::from_millis(200);
/// Postgres notices within about ten seconds that a machine is gone.
const SESSION: [(&str, &str); 4] = [
    ("idle_in_transaction_session_timeout", "2500"),
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "2"),
    ("tcp_keepalives_count", "3"),
];

pub(super) struct Control {
    connection: PgConnection,
}

impl Control {
    /// Becomes the one who rebuilds.
    pub(super) async fn take(pool: &PgPool) -> Result<Self, RebuildError> {
        let options = (*pool.connect_options()).clone().options(SESSION);
        let mut connection = PgConnection::connect_with(&options).await?;
        let started = Instant::now();
        while !lock(&mut connection).await? {
            if started.elapsed() > PATIENCE {
                let running = in_state(&mut connection, State::Building).await?;
                let progress = running.map(|it| (it.number, it.folded, it.target));
                return Err(RebuildError::Running(progress));
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
        Ok(Self { connection })
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    pub(super) async fn live(&mut self) -> Result<Generation, RebuildError> {
        let live = in_state(&mut self.connection, State::Live).await?;
        Ok(live.ok_or(sqlx::Error::RowNotFound)?)
    }

    /// The generation in this state, if this version's fold and schema can go on with it.
    pub(super) async fn usable(
        &mut self,
        state: State,
    ) -> Result<Option<Generation>, RebuildError> {
        let migrations = generations::migrations(&mut self.connection).await?;
        let found = in_state(&mut self.connection, state).await?;
        Ok(found.filter(|it| it.fold_version == fold::VERSION && it.migrations == Some(migrations)))
    }

    /// A generation that was live before is built on.
    pub(super) async fn revive(&mut self, retired: Generation) -> Result<Generation, RebuildError> {
        sqlx::query("update generations set state = 'building' where number = $1")
            .bind(retired.number)
            .execute(&mut self.connection)
            .await?;
        Ok(Generation { state: State::Building, ..retired })
    }

    pub(super) async fn note(
        &mut self,
        number: i64,
        folded: u64,
        target: u64,
    ) -> Result<(), RebuildError> {
        sqlx::query("update generations set folded = $2, target = $3 where number = $1")
            .bind(number)
            .bind(i64::try_from(folded).unwrap_or(i64::MAX))
            .bind(i64::try_from(target).unwrap_or(i64::MAX))
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// Lets no projector fold into the live generation until the transaction ends.
    pub(super) async fn pause(
        &mut self,
        home: &str,
        next: &Generation,
    ) -> Result<Transaction<'_, Postgres>, RebuildError> {
        let mut tx = self.connection.begin().await?;
        tables::reserve(&mut tx, home, &next.schema()).await?;
        sqlx::raw_sql("lock table checkpoints in exclusive mode").execute(&mut *tx).await?;
        Ok(tx)
    }
}

async fn lock(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select pg_try_advisory_lock($1, 0)").bind(LOCK).fetch_one(connection).await
}

/// Lets two generations change places, and tells everybody. The transaction is one in which the live
/// one is paused, and both are at the same point.
pub(super) async fn change_places(
    tx: &mut PgConnection,
    home: &str,
    next: &Generation,
) -> Result<i64, RebuildError> {
    let live = in_state(tx, State::Live).await?.ok_or(sqlx::Error::RowNotFound)?;
    // Asked under the lock: a migration that comes now waits, and finds the new tables.
    let migrations = generations::migrations(tx).await?;
    if next.migrations != Some(migrations) {
        return Err(RebuildError::SchemaChanged);
    }
    let until_now = ranking_generation(tx).await?;
    tables::exchange(tx, home, &live, next).await?;
    follow_on(tx, until_now).await?;
    for (number, state, migrations) in
        [(live.number, State::Retired, Some(migrations)), (next.number, State::Live, None)]
    {
        sqlx::query(
            "update generations set state = $2, migrations = $3,
                 live_since = case when $2 = 'live' then now() else live_since end
             where number = $1",
        )
        .bind(number)
        .bind(state.code())
        .bind(migrations)
        .execute(&mut *tx)
        .await?;
    }
    Ok(live.number)
}
