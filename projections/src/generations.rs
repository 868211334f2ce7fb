//! Generations of the read models: the one that is live, the one that is being built beside it, and
//! the one that was live before.
//!
//! The live generation has its tables in the database's usual schema, so that nobody who reads them
//! has to know that there are others. The others have theirs in a schema each. Making another
//! generation live moves tables between schemas: every prepared statement, in every process, then
//! finds the new ones by their old names (ADR 0016).

pub(crate) mod tables;

use std::fmt;
use std::time::Duration;

use domain::fold;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{PgPool, Row};

/// What a generation is for. There is at most one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is being built, or waits to become live.
    Building,
    /// It is read, and projectors fold into it.
    Live,
    /// It was live before, and can be again.
    Retired,
}

impl State {
    /// As it stands in the table.
    pub fn code(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Live => "live",
            Self::Retired => "retired",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Counted from 1.
    pub number: i64,
    /// What it is for.
    pub state: State,
    /// The version of the fold that made it: [`fold::VERSION`].
    pub fold_version: u32,
    /// How many migrations its tables have seen; `None` for the live one, which sees them all.
    pub(crate) migrations: Option<i64>,
    /// Records folded into it, when it was last noted.
    pub folded: i64,
    /// Records that it had to fold to be where the live one was.
    pub target: i64,
}

impl Generation {
    /// Where its tables are, unless it is live.
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
    state: State,
) -> Result<Option<Generation>, sqlx::Error> {
    let row = sqlx::query(
        "select number, fold_version, migrations, folded, target from generations where state = $1",
    )
    .bind(state.code())
    .fetch_optional(connection)
    .await?;
    row.map(|row| generation(state, &row)).transpose()
}

fn generation(state: State, row: &PgRow) -> Result<Generation, sqlx::Error> {
    let fold_version: i32 = row.try_get("fold_version")?;
    Ok(Generation {
        number: row.try_get("number")?,
        state,
        fold_version: u32::try_from(fold_version).map_err(|e| sqlx::Error::Decode(e.into()))?,
        migrations: row.try_get("migrations")?,
        folded: row.try_get("folded")?,
        target: row.try_get("target")?,
    })
}

/// The live generation.
///
/// # Errors
/// If the database cannot be asked, or there is none.
pub async fn live(pool: &PgPool) -> Result<Generation, sqlx::Error> {
    let found = in_state(&mut *pool.acquire().await?, State::Live).await?;
    found.ok_or(sqlx::Error::RowNotFound)
}

/// Whether an earlier version of the fold has made what is live.
pub(crate) async fn is_outdated(pool: &PgPool) -> Result<bool, sqlx::Error> {
    Ok(live(pool).await?.fold_version < fold::VERSION)
}

/// How many migrations there are.
pub(crate) async fn migrations(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select count(*) from _sqlx_migrations").fetch_one(connection).await
}

/// How often the gauges are set.
const OBSERVED: Duration = Duration::from_secs(2);

/// Shows in this process's metrics, for ever, which generation is live and how far a rebuild has
/// come, whoever carries it out.
pub async fn observe(pool: PgPool) {
    loop {
        if let Err(error) = set_gauges(&pool).await {
            tracing::debug!(%error, "the generations cannot be observed");
        }
        tokio::time::sleep(OBSERVED).await;
    }
}

async fn set_gauges(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut connection = pool.acquire().await?;
    if let Some(live) = in_state(&mut connection, State::Live).await? {
        metrics::gauge!("anb_generation").set(live.number as f64);
    }
    let building = in_state(&mut connection, State::Building).await?;
    let (folded, target) = building.map_or((0, 0), |building| (building.folded, building.target));
    metrics::gauge!("anb_rebuild_building").set(if building.is_some() { 1.0 } else { 0.0 });
    metrics::gauge!("anb_rebuild_folded_events").set(folded as f64);
    metrics::gauge!("anb_rebuild_target_events").set(target as f64);
    Ok(())
}
