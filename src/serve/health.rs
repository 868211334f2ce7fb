//! The readiness check: tries every service that requests depend on.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use api::{Check, Health};
use async_trait::async_trait;
use infra::database::Pool;
use infra::error_chain::error_chain;
use infra::event_log::EventLog;
use infra::object_storage::ObjectStorage;
use projections::projector::ProjectorState;
use projections::rankings::Rankings;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A check that takes longer has failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// The services to check.
pub(super) struct Readiness {
    pub(super) pool: Pool,
    pub(super) log: Arc<dyn EventLog>,
    pub(super) storage: Arc<dyn ObjectStorage>,
    /// The state of the projector, if it runs in this process.
    pub(super) projector: Option<watch::Receiver<ProjectorState>>,
    /// Cancelled when the shutdown begins.
    pub(super) stop: CancellationToken,
    /// The boards in memory.
    pub(super) rankings: Arc<Rankings>,
}

#[async_trait]
impl Health for Readiness {
    async fn checks(&self) -> Vec<Check> {
        if self.stop.is_cancelled() {
            let problem = Some("the process is shutting down".to_owned());
            return vec![Check { name: "process", problem }];
        }
        let database = sqlx::query!("select 1 as one").fetch_one(&self.pool);
        let (database, log, storage) = tokio::join!(
            within_timeout(database),
            within_timeout(self.log.end_offsets()),
            within_timeout(self.storage.check()),
        );
        let mut checks = vec![
            Check::of("database", database),
            Check::of("log", log),
            Check::of("storage", storage),
        ];
        let loading = self.rankings.version().is_none();
        let problem = loading.then(|| "the boards are loading".to_owned());
        checks.push(Check { name: "rankings", problem });
        if let Some(state) = &self.projector {
            checks.push(Check { name: "projection", problem: problem_of(&state.borrow()) });
        }
        checks
    }
}

async fn within_timeout<T, E: Error>(
    check: impl Future<Output = Result<T, E>>,
) -> Result<(), String> {
    match tokio::time::timeout(CHECK_TIMEOUT, check).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error_chain(&error)),
        Err(_) => Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())),
    }
}

fn problem_of(state: &ProjectorState) -> Option<String> {
    match state {
        ProjectorState::Standby | ProjectorState::Running { .. } => None,
        ProjectorState::Starting => Some("starting".to_owned()),
        ProjectorState::Retrying(why) => Some(format!("retrying: {why}")),
        ProjectorState::Stopped(why) => Some(format!("stopped: {why}")),
        ProjectorState::Ended => Some("ended".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_or_standby_projection_is_ready() {
        assert_eq!(problem_of(&ProjectorState::Running { lag: 9 }), None);
        assert_eq!(problem_of(&ProjectorState::Standby), None);
        let stopped = ProjectorState::Stopped("a defect".to_owned());
        assert_eq!(problem_of(&stopped).as_deref(), Some("stopped: a defect"));
        assert!(problem_of(&ProjectorState::Starting).is_some());
    }
}
