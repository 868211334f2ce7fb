//! The pool: every statement on it has a bound, and a connection that may be bad is not used again.

use std::fmt;
use std::future::ready;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{
    PgConnectOptions, PgPool, PgPoolOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo,
};
use sqlx::{Describe, Either, Execute, Executor, PgConnection, Postgres, SqlStr};
use tokio::sync::mpsc;

use super::freshness::Freshness;
use super::retry::Retry;
use super::session::{CONNECT_TIMEOUT, SessionOptions};
use crate::timeout::{self, within};

/// Bounds the wait for each row, and for the end of a statement.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bounds the return of a connection, which waits for what a dropped statement has left unread.
const RETURN_TIMEOUT: Duration = Duration::from_secs(2);

/// A pool of connections, and itself an executor of statements.
///
/// - A statement without an answer in time fails. Its connection is closed, for it may be half open.
/// - After an error that another connection would not have ([`Retry::NewConnection`]) the connection is
///   closed. Otherwise the session on a demoted server would stay in the pool, read-only, for ever.
/// - A connection that cannot be returned in time is closed. sqlx would wait until the kernel gives the
///   connection up, and the pool would shrink meanwhile.
#[derive(Clone)]
pub struct Pool {
    connections: PgPool,
    sessions: SessionOptions,
    freshness: Freshness,
    statement_timeout: Duration,
}

/// A connection of a [`Pool`], which gets it back.
pub struct Session {
    /// `None` once it is returned.
    connection: Option<PoolConnection<Postgres>>,
    freshness: Freshness,
    discarded: bool,
}

impl Pool {
    /// A pool without a connection.
    pub(super) fn new(sessions: SessionOptions, max_connections: u32) -> Self {
        let freshness = Freshness::default();
        let options = pool_options(&sessions, &freshness)
            .max_connections(max_connections)
            // Opening a connection is slow on a busy machine, so some are open before a burst comes.
            .min_connections(max_connections.div_ceil(4));
        let connections = options.connect_lazy_with(sessions.server().clone());
        Self { connections, sessions, freshness, statement_timeout: STATEMENT_TIMEOUT }
    }

    /// A pool that opens its first connection for the first statement.
    ///
    /// # Errors
    /// If the URL makes no sense.
    pub fn connect_lazy(url: &str) -> Result<Self, sqlx::Error> {
        Ok(Self::of_server(url.parse()?))
    }

    /// [`Self::connect_lazy`] with parsed options.
    pub fn of_server(server: PgConnectOptions) -> Self {
        let (sessions, freshness) = (SessionOptions::new(server), Freshness::default());
        // Without these times the pool needs no task, and so no runtime yet.
        let options = pool_options(&sessions, &freshness).idle_timeout(None).max_lifetime(None);
        let connections = options.connect_lazy_with(sessions.server().clone());
        Self { connections, sessions, freshness, statement_timeout: STATEMENT_TIMEOUT }
    }

    /// The same pool with another bound for statements, for tasks in the background that read much.
    #[must_use]
    pub fn with_statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// How to open a session of its own beside the pool.
    pub fn session_options(&self) -> SessionOptions {
        self.sessions.clone()
    }

    /// sqlx's pool, for migrations and tests. Its statements have no bound.
    pub fn unbounded(&self) -> &PgPool {
        &self.connections
    }

    /// A connection for several statements. The caller bounds them.
    ///
    /// # Errors
    /// If none becomes free, or none can be opened, in time.
    pub async fn acquire(&self) -> Result<Session, sqlx::Error> {
        let connection = self.connections.acquire().await.inspect_err(|error| {
            if matches!(error, sqlx::Error::PoolTimedOut) {
                timeout::count("database_acquire");
            }
        })?;
        let freshness = self.freshness.clone();
        Ok(Session { connection: Some(connection), freshness, discarded: false })
    }

    /// Waits until all connections are returned, and closes them.
    pub async fn close(&self) {
        self.connections.close().await;
    }

    /// Bounds statements on an acquired connection as the pool bounds its own.
    ///
    /// # Errors
    /// The statements' error, or a timeout.
    pub async fn bounded<T>(
        &self,
        statements: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        within("database_statement", self.statement_timeout, statements).await?
    }
}

/// Options of a pool whose connections are tested before use, in bounded time.
fn pool_options(sessions: &SessionOptions, freshness: &Freshness) -> PgPoolOptions {
    let (sessions, freshness) = (sessions.clone(), freshness.clone());
    PgPoolOptions::new()
        .acquire_timeout(CONNECT_TIMEOUT)
        .after_connect(move |connection, _| {
            let sessions = sessions.clone();
            Box::pin(async move { sessions.apply(connection).await })
        })
        // The test of sqlx has no bound of its own, so a half-open connection would use up the time for
        // acquiring one.
        .test_before_acquire(false)
        .before_acquire(move |connection, age| {
            let freshness = freshness.clone();
            Box::pin(async move { freshness.is_usable(connection, age.age).await })
        })
}

impl Session {
    /// Closes the connection instead of returning it, if another one would do better after this result.
    ///
    /// # Errors
    /// The given error.
    pub fn judge<T>(&mut self, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        if let Err(error) = &result
            && Retry::after(error) == Retry::NewConnection
        {
            self.discarded = true;
            self.freshness.suspect(error);
        }
        result
    }
}

impl Deref for Session {
    type Target = PgConnection;

    #[expect(clippy::expect_used, reason = "only the drop takes the connection")]
    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("a connection")
    }
}

impl DerefMut for Session {
    #[expect(clippy::expect_used, reason = "only the drop takes the connection")]
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("a connection")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.discarded {
            // The pool bounds this itself.
            connection.close_on_drop();
            return;
        }
        let returned = connection.return_to_pool();
        runtime.spawn(async move {
            // A connection whose return is dropped is closed, and the pool opens another one.
            let _ = within("database_return", RETURN_TIMEOUT, returned).await;
        });
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.connections.fmt(f)
    }
}

type Rows<'e> = BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>;

impl<'p> Executor<'p> for &'p Pool {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> Rows<'e>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        // The stream cannot own a connection and borrow from it. So a future owns the connection, and
        // hands the rows over one by one.
        let (pool, (rows, mut fetched)) = (self.clone(), mpsc::channel(1));
        let fetching = async move {
            if let Err(error) = pool.fetch_into(&rows, query).await {
                // Fails if the reader has stopped.
                let _ = rows.send(Err(error)).await;
            }
        };
        let fetching = fetching.into_stream().filter_map(|()| ready(None));
        let fetched = stream::poll_fn(move |context| fetched.poll_recv(context));
        stream::select(fetched, fetching).boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let pool = self.clone();
        async move {
            let mut session = pool.acquire().await?;
            let row = pool.bounded((*session).fetch_optional(query)).await;
            session.judge(row)
        }
        .boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'p: 'e,
    {
        let pool = self.clone();
        async move {
            let mut session = pool.acquire().await?;
            let prepared = pool.bounded((*session).prepare_with(sql, parameters)).await;
            session.judge(prepared)
        }
        .boxed()
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'p: 'e,
    {
        let pool = self.clone();
        async move {
            let mut session = pool.acquire().await?;
            let described = pool.bounded((*session).describe(sql)).await;
            session.judge(described)
        }
        .boxed()
    }
}

impl Pool {
    /// Executes one statement and sends its rows, until the reader stops.
    async fn fetch_into<'q, E: Execute<'q, Postgres> + 'q>(
        &self,
        rows: &mpsc::Sender<Result<Either<PgQueryResult, PgRow>, sqlx::Error>>,
        query: E,
    ) -> Result<(), sqlx::Error> {
        let mut session = self.acquire().await?;
        let mut answers = (*session).fetch_many(query);
        let ended = loop {
            match self.bounded(answers.try_next()).await {
                Ok(Some(row)) => {
                    if rows.send(Ok(row)).await.is_err() {
                        break Ok(());
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        drop(answers);
        session.judge(ended)
    }
}
