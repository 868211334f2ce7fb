//! Generations of the read models: the live one, the one that is being built, and the retired one.
//!
//! The live generation has its tables in the database's usual schema, so readers need not know the others.
//! Each other generation has a schema of its own. A switch moves tables between schemas: every prepared
//! statement, in every process, then finds the new tables by their old names (ADR 0016).

pub(crate) mod tables;

use std::fmt;
use std::time::Duration;

use domain::fold;
use infra::database::{Pool, from_int};
use sqlx::postgres::PgConnection;

/// The state of a generation. At most one generation has each state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenerationState {
    /// It is being built, or waits to become live.
    Building,
    /// It is read, and projectors fold into it.
    Live,
    /// It was live before, and can become live again.
    Retired,
}

impl GenerationState {
    /// The code in `generations.state`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Live => "live",
            Self::Retired => "retired",
        }
    }
}

impl fmt::Display for GenerationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A generation of the read models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Counted from 1.
    pub number: i64,
    /// Its state.
    pub state: GenerationState,
    /// The version of the fold that made it: [`fold::VERSION`].
    pub fold_version: u32,
    /// The number of migrations that its tables have; `None` for the live one, which has all.
    pub(crate) migrations: Option<i64>,
    /// Records folded into it, as last stored.
    pub folded: i64,
    /// Records to fold to reach the live one.
    pub target: i64,
}

impl Generation {
    /// The schema of its tables, unless it is live.
    pub(crate) fn schema(&self) -> String {
        schema_of(self.number)
    }
}

pub(crate) fn schema_of(number: i64) -> String {
    format!("generation_{number}")
}

/// The generation in this state, if there is one.
pub(crate) async fn in_state(
    connection: &mut PgConnection,
    state: GenerationState,
) -> Result<Option<Generation>, sqlx::Error> {
    let row = sqlx::query!(
        "select number, fold_version, migrations, folded, target from generations where state = $1",
        state.code(),
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Generation {
        number: row.number,
        state,
        fold_version: from_int(row.fold_version)?,
        migrations: row.migrations,
        folded: row.folded,
        target: row.target,
    }))
}

/// The live generation.
///
/// # Errors
/// If the query fails, or if there is none.
pub async fn live(pool: &Pool) -> Result<Generation, sqlx::Error> {
    let mut session = pool.acquire().await?;
    let found = pool.bounded(in_state(&mut session, GenerationState::Live)).await;
    session.judge(found)?.ok_or(sqlx::Error::RowNotFound)
}

/// Whether an earlier version of the fold made the live generation.
pub(crate) async fn is_outdated(pool: &Pool) -> Result<bool, sqlx::Error> {
    Ok(live(pool).await?.fold_version < fold::VERSION)
}

/// The number of applied migrations. The table belongs to sqlx and is in no migration, so the statement
/// cannot be checked at compile time.
pub(crate) async fn migrations(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select count(*) from _sqlx_migrations").fetch_one(connection).await
}

/// How often the gauges are set.
const GAUGE_INTERVAL: Duration = Duration::from_secs(2);

/// Sets the metrics of this process for the live generation and for the progress of a rebuild in any
/// process. Runs until the task is dropped.
pub async fn observe(pool: Pool) {
    loop {
        if let Err(error) = set_gauges(&pool).await {
            tracing::debug!(%error, "the metrics of generations were not updated");
        }
        tokio::time::sleep(GAUGE_INTERVAL).await;
    }
}

async fn set_gauges(pool: &Pool) -> Result<(), sqlx::Error> {
    let mut session = pool.acquire().await?;
    let found = pool.bounded(async {
        let live = in_state(&mut session, GenerationState::Live).await?;
        Ok((live, in_state(&mut session, GenerationState::Building).await?))
    });
    let found = found.await;
    let (live, building) = session.judge(found)?;
    if let Some(live) = live {
        metrics::gauge!("anb_generation").set(live.number as f64);
    }
    let (folded, target) = building.map_or((0, 0), |building| (building.folded, building.target));
    metrics::gauge!("anb_rebuild_building").set(if building.is_some() { 1.0 } else { 0.0 });
    metrics::gauge!("anb_rebuild_folded_events").set(folded as f64);
    metrics::gauge!("anb_rebuild_target_events").set(target as f64);
    Ok(())
}
