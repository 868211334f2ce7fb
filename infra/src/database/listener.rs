//! A connection that listens for notifications.

use std::time::Duration;

use sqlx::Acquire;
use sqlx::postgres::{PgConnection, PgListener, PgNotification, PgPoolOptions};

use super::freshness::is_read_only;
use super::pool::Pool;
use super::session::CONNECT_TIMEOUT;
use crate::timeout::within;

/// Bounds the test of a silent connection.
const TEST_TIMEOUT: Duration = Duration::from_secs(2);

/// A listening connection, outside the pool. A lost one is not opened again: the owner must look for what
/// it has missed.
pub struct Listener(PgListener);

impl Listener {
    /// Opens a connection that listens to `channel`.
    ///
    /// # Errors
    /// If the server does not answer in time, or is a standby, which has no notifications.
    pub async fn open(pool: &Pool, channel: &str) -> Result<Self, sqlx::Error> {
        let sessions = pool.session_options();
        let server = sessions.server().clone();
        // sqlx returns a listener to its pool by a statement without a bound. So each has its own pool.
        let own = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(CONNECT_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .after_connect(move |connection, _| {
                let sessions = sessions.clone();
                Box::pin(async move { sessions.apply(connection).await })
            })
            .connect_lazy_with(server);
        let opening = async {
            let mut listener = PgListener::connect_with(&own).await?;
            // Otherwise the listener would reconnect silently and miss notifications.
            listener.eager_reconnect(false);
            listener.listen(channel).await?;
            Ok(Self(listener))
        };
        within("database_listen", CONNECT_TIMEOUT, opening).await?
    }

    /// The next notification, or `None` after `silence`. Then [`Self::test`] tells whether any can come.
    ///
    /// # Errors
    /// If the connection is lost.
    pub async fn next(&mut self, silence: Duration) -> Result<Option<PgNotification>, sqlx::Error> {
        match tokio::time::timeout(silence, self.0.try_recv()).await {
            Ok(Ok(Some(notification))) => Ok(Some(notification)),
            Ok(Ok(None)) => Err(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into())),
            Ok(Err(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// A notification that has arrived already.
    pub fn next_buffered(&mut self) -> Option<PgNotification> {
        self.0.next_buffered()
    }

    /// The connection, for statements between notifications. The caller bounds them.
    ///
    /// # Errors
    /// If the connection is lost.
    pub async fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        self.0.acquire().await
    }

    /// Tests a silent connection.
    ///
    /// # Errors
    /// If it is lost, half open, or leads to a server that is read-only by now.
    pub async fn test(&mut self) -> Result<(), sqlx::Error> {
        let testing = async {
            let connection = self.connection().await?;
            is_read_only(connection).await
        };
        if within("database_listener_test", TEST_TIMEOUT, testing).await?? {
            return Err(sqlx::Error::Protocol("the server is read-only by now".to_owned()));
        }
        Ok(())
    }
}
