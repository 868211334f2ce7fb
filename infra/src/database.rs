//! The Postgres pool, the schema, and what every statement of ours relies on.

mod freshness;
mod integers;
mod listener;
mod pool;
mod retry;
mod server_check;
mod session;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgConnectOptions;

use server_check::check_server;

pub use integers::{from_bigint, from_int, to_bigint, to_int};
pub use listener::Listener;
pub use pool::{Pool, Session};
pub use retry::{Retry, is_transient};
pub use server_check::UnusableServer;
pub use session::SessionOptions;

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// Why the database cannot be used; one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The URL makes no sense.
    #[error("DATABASE_URL is no Postgres URL: {0}")]
    Url(#[source] sqlx::Error),
    /// The server does not answer, or refuses this user.
    #[error("Postgres cannot be reached: {0}")]
    Unreachable(#[source] sqlx::Error),
    /// The server answers, and something about it is not what this program needs.
    #[error(transparent)]
    Unusable(#[from] UnusableServer),
    /// The schema could not be brought up to date.
    #[error("the schema could not be migrated: {0}")]
    Migration(#[from] MigrateError),
}

/// Opens a pool of at most `max_connections` connections, after the server has passed a check.
///
/// # Errors
/// [`DatabaseError`]
pub async fn connect(url: &str, max_connections: u32) -> Result<Pool, DatabaseError> {
    let server: PgConnectOptions = url.parse().map_err(DatabaseError::Url)?;
    let sessions = SessionOptions::new(server);
    // The pool retries, and then reports only a timeout; a single attempt reports the cause.
    if let Some(problem) = check_server(&sessions).await.map_err(DatabaseError::Unreachable)? {
        return Err(problem.into());
    }
    Ok(Pool::new(sessions, max_connections))
}

/// Brings the schema up to date. Several processes may call this at once: a lock of the database lets
/// them run one after another. A schema that is ahead stays as it is: during an upgrade, a later version
/// has migrated it in a way that this version can work with.
///
/// # Errors
/// [`DatabaseError::Migration`]
pub async fn migrate(pool: &Pool) -> Result<(), DatabaseError> {
    let mut migrator = Migrator::with_migrations(MIGRATOR.iter().cloned().collect());
    migrator.set_ignore_missing(true);
    migrator.run(pool.unbounded()).await?;
    Ok(())
}
