//! How sessions are opened.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::timeout::within;

/// Bounds the opening of a connection: TCP, TLS, authentication, settings.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Settings of every session.
///
/// - A process that hangs in a transaction keeps its row locks and blocks all others. Postgres ends such a
///   transaction after this many milliseconds. No transaction of ours pauses.
/// - No statement of ours runs long enough to be worth compiling. A wrong row estimate makes Postgres do
///   so nevertheless: a statement of 1 ms took 380 ms.
/// - The server notices within a minute that a firewall has dropped an idle connection, and frees the
///   session with its locks.
const SETTINGS: [(&str, &str); 5] = [
    ("idle_in_transaction_session_timeout", "2500"),
    ("jit", "off"),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
];

/// The server and the settings of a session.
///
/// The settings are set by a statement. A pooler such as PgBouncer refuses or drops those in the start-up
/// message.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    server: Arc<PgConnectOptions>,
    settings: Vec<(&'static str, String)>,
}

impl SessionOptions {
    /// A session on this server with the settings that every session has.
    pub(super) fn new(server: PgConnectOptions) -> Self {
        // PgBouncer refuses `extra_float_digits` in the start-up message, and no column is a decimal text.
        let server = server.application_name("anb").extra_float_digits(None);
        Self { server: Arc::new(server), settings: Vec::new() }.with(SETTINGS)
    }

    /// Adds settings. A later one replaces an earlier one of the same name.
    #[must_use]
    pub fn with(
        mut self,
        settings: impl IntoIterator<Item = (&'static str, &'static str)>,
    ) -> Self {
        let settings = settings.into_iter().map(|(name, value)| (name, value.to_owned()));
        self.settings.extend(settings);
        self
    }

    /// Looks for tables in this schema first.
    #[must_use]
    pub fn with_search_path(mut self, search_path: &str) -> Self {
        self.settings.push(("search_path", search_path.to_owned()));
        self
    }

    /// The server, without the settings.
    pub fn server(&self) -> &PgConnectOptions {
        &self.server
    }

    /// Opens a session.
    ///
    /// # Errors
    /// If the server does not answer in time, or refuses.
    pub async fn open(&self) -> Result<PgConnection, sqlx::Error> {
        let opening = async {
            let mut connection = PgConnection::connect_with(&self.server).await?;
            self.apply(&mut connection).await?;
            Ok(connection)
        };
        within("database_connect", CONNECT_TIMEOUT, opening).await?
    }

    /// Sets the settings, in one round trip.
    pub(super) async fn apply(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let set = self.settings.iter().map(|(name, value)| {
            let value = value.replace('\'', "''");
            format!("set_config('{name}', '{value}', false)")
        });
        let statement = format!("select {}", set.collect::<Vec<_>>().join(", "));
        connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await?;
        Ok(())
    }
}
