//! How new the ranking is, at no cost per request.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::sync::watch;

use super::{QueryError, unsigned};

/// How long an answer of the database stands, where nobody tells this process of new generations.
const POLL: Duration = Duration::from_millis(50);

/// Where the newest generation of the ranking is known from.
#[derive(Clone)]
pub struct Generation(Source);

#[derive(Clone)]
enum Source {
    Watched(watch::Receiver<u64>),
    Polled(Arc<Mutex<Option<(Instant, u64)>>>),
}

impl Generation {
    /// From a projector in this process, or from one elsewhere that
    /// [`crate::progress::follow`] follows.
    pub fn watched(receiver: watch::Receiver<u64>) -> Self {
        Self(Source::Watched(receiver))
    }

    /// From the database, asked at most every 50 ms.
    pub fn polled() -> Self {
        Self(Source::Polled(Arc::default()))
    }

    pub(super) async fn current(&self, pool: &PgPool) -> Result<u64, QueryError> {
        let last = match &self.0 {
            Source::Watched(receiver) => return Ok(*receiver.borrow()),
            Source::Polled(last) => last,
        };
        let known = *last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, generation)) = known
            && at.elapsed() < POLL
        {
            return Ok(generation);
        }
        // Stamped before the question: the answer is at least as new as its stamp.
        let asked = Instant::now();
        let generation: i64 =
            sqlx::query_scalar("select generation from ranking_head").fetch_one(pool).await?;
        let generation = unsigned(generation)?;
        *last.lock().unwrap_or_else(PoisonError::into_inner) = Some((asked, generation));
        Ok(generation)
    }
}
