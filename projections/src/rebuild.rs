//! Rebuilding every read model from the log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use infra::event_log::EventLog;
use sqlx::PgPool;
use tokio::sync::watch;

use crate::projector::{ProjectionError, Projector};
use crate::store::postgres::PostgresStore;
use crate::store::{Store, StoreError};

/// How long to wait for running projectors to let go of their partitions.
const PATIENCE: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// Why a rebuild did not happen, or did not finish. The next projector goes on where it ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RebuildError {
    /// A rebuild stops the world, and somebody is still projecting.
    #[error("a projector owns {owned_elsewhere} of {partitions} partitions: stop it first")]
    ProjectorRunning {
        /// Partitions that could not be claimed.
        owned_elsewhere: usize,
        /// Partitions of the log.
        partitions: u32,
    },
    /// The log or the read models failed.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
}

impl From<StoreError> for RebuildError {
    fn from(error: StoreError) -> Self {
        Self::Projection(error.into())
    }
}

/// Empties the read models and folds the whole log again, as far as it reaches now. Readers see the
/// contest grow meanwhile. Returns how many records were folded.
///
/// # Errors
/// [`RebuildError`]
pub async fn rebuild(pool: &PgPool, log: Arc<dyn EventLog>) -> Result<u64, RebuildError> {
    let partitions = log.partitions();
    let mut store = PostgresStore::new(pool.connect_options());
    let started = Instant::now();
    loop {
        let owned = store.claim(partitions).await?.len();
        if owned == partitions as usize {
            break;
        }
        if started.elapsed() > PATIENCE {
            let owned_elsewhere = partitions as usize - owned;
            return Err(RebuildError::ProjectorRunning { owned_elsewhere, partitions });
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
    store.truncate().await?;
    let mut projector = Projector::new(log, store, None, watch::Sender::new(0));
    Ok(projector.catch_up().await?)
}
