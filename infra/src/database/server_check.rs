//! What a server must be before a process works with it.

use sqlx::{Connection, Executor, PgConnection};

use super::session::{CONNECT_TIMEOUT, SessionOptions};
use crate::timeout::within;

/// What is wrong with a server that answers; one line for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableServer {
    /// A text of ours could not be stored, or would be compared as bytes.
    #[error(
        "the database of DATABASE_URL has the encoding {0}, and names and titles need UTF8: \
         create one with `create database … encoding 'UTF8' template template0`"
    )]
    Encoding(String),
    /// A pooler gives each transaction another session.
    #[error(
        "DATABASE_URL leads to a pooler that shares sessions between clients, such as PgBouncer with \
         pool_mode=transaction. Prepared statements, LISTEN, advisory locks and settings need a session of \
         their own: name the server itself, or a pool with pool_mode=session"
    )]
    SharedSessions,
}

/// What is wrong with the server behind these options, if anything.
///
/// # Errors
/// If it does not answer in time, or refuses this user.
pub(super) async fn check_server(
    sessions: &SessionOptions,
) -> Result<Option<UnusableServer>, sqlx::Error> {
    let mut session = sessions.open().await?;
    let mut other = sessions.open().await?;
    let checking = async {
        if shares_sessions(&mut session, &mut other).await? {
            return Ok(Some(UnusableServer::SharedSessions));
        }
        let encoding = text(&mut session, "show server_encoding").await?;
        Ok((encoding != "UTF8").then_some(UnusableServer::Encoding(encoding)))
    };
    let found: Result<_, sqlx::Error> =
        within("database_connect", CONNECT_TIMEOUT, checking).await?;
    let found = found?;
    for session in [session, other] {
        // The server ends the session anyway when the connection is dropped.
        let _ = within("database_connect", CONNECT_TIMEOUT, session.close()).await;
    }
    Ok(found)
}

/// Whether a pooler moves a client from one session to another between transactions.
///
/// `other` stays in a transaction, so that it has a session to itself: that of `session`, or the next free
/// one. Two statements in a row discover a pooler that takes sessions in turn.
async fn shares_sessions(
    session: &mut PgConnection,
    other: &mut PgConnection,
) -> Result<bool, sqlx::Error> {
    const PROCESS: &str = "select pg_backend_pid()::text";
    let first = text(session, PROCESS).await?;
    let second = text(session, PROCESS).await?;
    other.execute(sqlx::raw_sql("begin")).await?;
    let others = text(other, PROCESS).await?;
    let third = text(session, PROCESS).await?;
    other.execute(sqlx::raw_sql("rollback")).await?;
    Ok(first != second || first == others || first != third)
}

/// The one text that a statement yields. Not prepared: a pooler would refuse it before it is discovered.
async fn text(connection: &mut PgConnection, sql: &'static str) -> Result<String, sqlx::Error> {
    use sqlx::Row;
    connection.fetch_one(sqlx::raw_sql(sql)).await?.try_get(0)
}
