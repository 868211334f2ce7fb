//! The readiness check: tries every service that requests depend on.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use api::{Check, Health};
use async_trait::async_trait;
use infra::database::Pool;
use infra::error_chain::error_chain;
use infra::event_log::{EventLog, NoLeader};
use infra::object_storage::ObjectStorage;
use ports::append_gate::AppendGate;
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
    /// Whether this process may append.
    pub(super) gate: Arc<AppendGate>,
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
            return vec![Check::with("process", problem)];
        }
        let database = sqlx::query!("select 1 as one").fetch_one(&self.pool);
        let (database, log, storage) = tokio::join!(
            within_timeout(database),
            within_timeout(self.log.known_end_offsets()),
            within_timeout(self.storage.check()),
        );
        let mut checks = vec![
            Check::of("database", database.map(drop)),
            log_check(log.and_then(|ends| self.gate.log_problem().map_or(Ok(ends), Err))),
            Check::of("storage", storage.map(drop)),
        ];
        let loading = self.rankings.version().is_none();
        checks.push(Check::with("rankings", loading.then(|| "the boards are loading".to_owned())));
        if let Some(state) = &self.projector {
            checks.push(Check::with("projection", problem_of(&state.borrow())));
        }
        checks
    }
}

/// A partition without a leader impairs the log. Streams in other partitions go on, so this process must
/// still get requests.
fn log_check(ends: Result<Vec<Option<u64>>, String>) -> Check {
    let impairment = ends.as_ref().ok().and_then(|ends| NoLeader::among(ends));
    let check = Check::of("log", ends.map(drop));
    Check { impairment: impairment.map(|error| error.to_string()), ..check }
}

async fn within_timeout<T, E: Error>(
    check: impl Future<Output = Result<T, E>>,
) -> Result<T, String> {
    match tokio::time::timeout(CHECK_TIMEOUT, check).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(error_chain(&error)),
        Err(_) => Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())),
    }
}

fn problem_of(state: &ProjectorState) -> Option<String> {
    match state {
        ProjectorState::Standby => None,
        ProjectorState::Running { held, .. } => held.first().map(ToString::to_string),
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
    fn a_partition_without_a_leader_impairs_the_log() {
        let check = log_check(Ok(vec![Some(3), None]));
        assert_eq!(check.problem, None);
        assert_eq!(check.impairment.as_deref(), Some("no leader answers for partition 1"));
        assert_eq!(log_check(Ok(vec![Some(3)])), Check::with("log", None));
        let gone = log_check(Err("no answer".to_owned()));
        assert_eq!(gone, Check::with("log", Some("no answer".to_owned())));
    }

    #[test]
    fn a_running_or_standby_projection_is_ready() {
        assert_eq!(problem_of(&ProjectorState::Running { lag: 9, held: Vec::new() }), None);
        assert_eq!(problem_of(&ProjectorState::Standby), None);
        let stopped = ProjectorState::Stopped("a defect".to_owned());
        assert_eq!(problem_of(&stopped).as_deref(), Some("stopped: a defect"));
        assert!(problem_of(&ProjectorState::Starting).is_some());
    }
}
