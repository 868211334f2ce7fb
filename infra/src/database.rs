//! The Postgres pool, the schema, and what every statement of ours relies on.

mod integers;

use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};

pub use integers::{from_bigint, from_int, to_bigint, to_int};

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Settings of every session.
///
/// - A process that hangs in a transaction keeps its row locks and blocks all others. Postgres ends such a
///   transaction after this many milliseconds. No transaction of ours pauses.
/// - No statement of ours runs long enough to be worth compiling. A wrong row estimate makes Postgres do
///   so nevertheless: a statement of 1 ms took 380 ms.
const SESSION_SETTINGS: [(&str, &str); 2] =
    [("idle_in_transaction_session_timeout", "2500"), ("jit", "off")];

/// Why the database cannot be used; one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The URL makes no sense.
    #[error("DATABASE_URL is no Postgres URL: {0}")]
    Url(#[source] sqlx::Error),
    /// The server does not answer, or refuses this user.
    #[error("Postgres cannot be reached: {0}")]
    Unreachable(#[source] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the schema could not be migrated: {0}")]
    Migration(#[from] MigrateError),
}

/// Opens a pool of at most `max_connections` connections, after one connection has succeeded.
///
/// # Errors
/// [`DatabaseError`]
pub async fn connect(url: &str, max_connections: u32) -> Result<PgPool, DatabaseError> {
    let options: PgConnectOptions = url.parse().map_err(DatabaseError::Url)?;
    // The pool retries, and then reports only a timeout; a single attempt reports the cause.
    probe(&options).await.map_err(DatabaseError::Unreachable)?;
    PgPoolOptions::new()
        .max_connections(max_connections)
        // Opening a connection is slow on a busy machine, so some are open before a burst comes.
        .min_connections(max_connections.div_ceil(4))
        .acquire_timeout(CONNECT_TIMEOUT)
        .connect_with(options.application_name("anb").options(SESSION_SETTINGS))
        .await
        .map_err(DatabaseError::Unreachable)
}

/// Whether the same statement may succeed later: the cause is the connection, the server or another
/// transaction, and not the statement or a row.
pub fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            // Classes of SQLSTATE: connection, transaction rollback, resources, operator intervention,
            // system error; and the code of a transaction that was idle for too long.
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
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connection) => connection?.close().await,
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

/// Brings the schema up to date. Several processes may call this at once: a lock of the database lets
/// them run one after another. A schema that is ahead stays as it is: during an upgrade, a later version
/// has migrated it in a way that this version can work with.
///
/// # Errors
/// [`DatabaseError::Migration`]
pub async fn migrate(pool: &PgPool) -> Result<(), DatabaseError> {
    let mut migrator = Migrator::with_migrations(MIGRATOR.iter().cloned().collect());
    migrator.set_ignore_missing(true);
    migrator.run(pool).await?;
    Ok(())
}
