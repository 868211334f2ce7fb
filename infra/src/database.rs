//! The Postgres pool and the schema.

use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// A process that hangs in the middle of a transaction keeps its row locks, and everybody else
/// waiting: Postgres ends that transaction. In milliseconds; no transaction of ours ever pauses.
///
/// No statement of ours runs for long enough to be worth compiling, yet a guess of too many rows makes
/// Postgres do so: a statement of 1 ms took 380.
const SESSION: [(&str, &str); 2] =
    [("idle_in_transaction_session_timeout", "2500"), ("jit", "off")];

/// Why the database cannot be used; one line for a person.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The URL makes no sense.
    #[error("DATABASE_URL is no Postgres URL: {0}")]
    Url(#[source] sqlx::Error),
    /// Nobody answers, or not to us.
    #[error("Postgres cannot be reached: {0}")]
    Unreachable(#[source] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the schema could not be migrated: {0}")]
    Migration(#[from] MigrateError),
}

/// Opens a pool of at most `max_connections`, and makes sure that somebody answers.
///
/// # Errors
/// [`DatabaseError`]
pub async fn connect(url: &str, max_connections: u32) -> Result<PgPool, DatabaseError> {
    let options: PgConnectOptions = url.parse().map_err(DatabaseError::Url)?;
    // The pool tries again and again, and in the end knows only that time ran out.
    probe(&options).await.map_err(DatabaseError::Unreachable)?;
    PgPoolOptions::new()
        .max_connections(max_connections)
        // Opening one takes a while on a busy machine, and a burst does not wait.
        .min_connections(max_connections.div_ceil(4))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options.application_name("anb").options(SESSION))
        .await
        .map_err(DatabaseError::Unreachable)
}

/// Whether a statement that failed like this may succeed later: the fault is of the connection, of
/// Postgres, or of the moment, and not of the statement or of a row.
pub fn passes(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            // Connection, transaction rollback, resources, operator intervention, system error; and a
            // transaction that stood idle for too long.
            ["08", "40", "53", "57", "58", "25P03"].iter().any(|class| code.starts_with(class))
        }),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => true,
        _ => false,
    }
}

async fn probe(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let connecting = PgConnection::connect_with(options);
    match tokio::time::timeout(ACQUIRE_TIMEOUT, connecting).await {
        Ok(connection) => connection?.close().await,
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

/// Brings the schema up to date. Safe to run in several processes at once: they take turns. A schema
/// that is ahead is left as it is: a later version is taking over, and minds this one.
///
/// # Errors
/// [`DatabaseError::Migration`]
pub async fn migrate(pool: &PgPool) -> Result<(), DatabaseError> {
    let mut migrator = Migrator::with_migrations(MIGRATOR.iter().cloned().collect());
    migrator.set_ignore_missing(true);
    migrator.run(pool).await?;
    Ok(())
}
