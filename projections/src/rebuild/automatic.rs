//! The rebuild that nobody has to ask for.

use std::sync::Arc;
use std::time::Duration;

use domain::fold;
use infra::event_log::EventLog;
use sqlx::PgPool;

use super::{RebuildError, RebuildOptions, rebuild};
use crate::generations;

/// How often to look. Another version may be started, or the one who rebuilds may have ended.
const LOOK: Duration = Duration::from_secs(10);

/// Rebuilds whenever an earlier version of the fold has made what is live, for ever. Of several
/// processes one does it.
pub async fn keep_current(pool: PgPool, log: Arc<dyn EventLog>) {
    loop {
        match renew(&pool, &log).await {
            Ok(()) => {}
            Err(RebuildError::Running(_)) => tracing::debug!("another process rebuilds"),
            Err(error) => tracing::warn!(%error, "the read models were not rebuilt, trying again"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn renew(pool: &PgPool, log: &Arc<dyn EventLog>) -> Result<(), RebuildError> {
    if !generations::is_outdated(pool).await? {
        return Ok(());
    }
    tracing::info!(fold = fold::VERSION, "an earlier fold made the read models: rebuilding");
    let rebuilt = rebuild(pool, Arc::clone(log), RebuildOptions::default()).await?;
    for difference in &rebuilt.differences {
        tracing::info!("changed by this version of the fold: {difference}");
    }
    tracing::info!(generation = rebuilt.generation, records = rebuilt.records, "rebuilt");
    Ok(())
}
