//! The rebuild that starts by itself after an upgrade of the fold.

use std::sync::Arc;
use std::time::Duration;

use domain::fold;
use infra::database::Pool;
use infra::event_log::EventLog;

use super::error::RebuildError;
use super::options::RebuildOptions;
use super::procedure::rebuild;
use crate::generations;

/// How often to check whether a rebuild is due. The process that rebuilds may have ended.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Rebuilds whenever an earlier version of the fold made the live generation. Runs until the task is
/// dropped; of several processes, one rebuilds.
pub async fn rebuild_when_outdated(pool: Pool, log: Arc<dyn EventLog>) {
    loop {
        match rebuild_if_outdated(&pool, &log).await {
            Ok(()) => {}
            Err(RebuildError::Running(_)) => tracing::debug!("another process rebuilds"),
            Err(error) => tracing::warn!(%error, "the read models were not rebuilt, trying again"),
        }
        tokio::time::sleep(CHECK_INTERVAL).await;
    }
}

async fn rebuild_if_outdated(pool: &Pool, log: &Arc<dyn EventLog>) -> Result<(), RebuildError> {
    if !generations::is_outdated(pool).await? {
        return Ok(());
    }
    tracing::info!(fold = fold::VERSION, "rebuilding: an earlier fold made the read models");
    let rebuilt = rebuild(pool, Arc::clone(log), RebuildOptions::default()).await?;
    for difference in &rebuilt.differences {
        tracing::info!(%difference, "this version of the fold changed a read model");
    }
    tracing::info!(
        generation = rebuilt.generation,
        records = rebuilt.records,
        "the read models are rebuilt"
    );
    Ok(())
}
