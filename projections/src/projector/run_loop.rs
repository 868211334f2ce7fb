//! The loop of a projector: claim partitions, fold batches, restart after transient faults.

use std::sync::Arc;
use std::time::Duration;

use infra::batch_throttle::BatchThrottle;
use infra::event_log::EventLog;
use ports::verdicts::VerdictDesk;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::checkpoints::Checkpoints;
use super::error::ProjectionError;
use super::state::ProjectorState;
use crate::store::Store;

/// Records that are folded into one transaction at most.
const MAX_BATCH: usize = 4096;
/// How often a projector sends a heartbeat and measures its lag, and how often one without all
/// partitions claims the others.
pub(super) const TICK: Duration = Duration::from_secs(1);
/// How long to wait after a transient fault.
const RETRY_DELAY: Duration = Duration::from_millis(250);

/// Folds the log into a store.
pub struct Projector<S> {
    pub(super) log: Arc<dyn EventLog>,
    pub(super) store: S,
    pub(super) desk: Option<Arc<VerdictDesk>>,
    pub(super) ranking_revision: watch::Sender<u64>,
    state: watch::Sender<ProjectorState>,
    pub(super) checkpoints: Checkpoints,
    pub(super) max_batch: usize,
}

impl<S: Store> Projector<S> {
    /// A projector that has not started. It delivers verdicts to `desk`, if this process has one, and new
    /// revisions of the ranking to `ranking_revision`.
    pub fn new(
        log: Arc<dyn EventLog>,
        store: S,
        desk: Option<Arc<VerdictDesk>>,
        ranking_revision: watch::Sender<u64>,
    ) -> Self {
        Self {
            log,
            store,
            desk,
            ranking_revision,
            state: watch::Sender::new(ProjectorState::Starting),
            checkpoints: Checkpoints::default(),
            max_batch: MAX_BATCH,
        }
    }

    /// Limits a transaction to `max` records.
    #[must_use]
    pub fn with_max_batch(mut self, max: usize) -> Self {
        self.max_batch = max.max(1);
        self
    }

    /// Its state, now and later.
    pub fn state(&self) -> watch::Receiver<ProjectorState> {
        self.state.subscribe()
    }

    /// Runs until `shutdown`, which it checks between batches.
    ///
    /// # Errors
    /// Permanent faults: a defect in the fold, a truncated log, a broken row. The state shows them as
    /// well, for readiness checks. No record is skipped.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), ProjectionError> {
        loop {
            let error = match self.session(&shutdown).await {
                Ok(()) => {
                    self.state.send_replace(ProjectorState::Ended);
                    return Ok(());
                }
                Err(error) => error,
            };
            if !error.is_transient() {
                tracing::error!(%error, "the projection has stopped");
                self.state.send_replace(ProjectorState::Stopped(error.to_string()));
                return Err(error);
            }
            tracing::warn!(%error, "the projection restarts");
            self.state.send_replace(ProjectorState::Retrying(error.to_string()));
            metrics::counter!("anb_projection_restarts_total").increment(1);
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(RETRY_DELAY) => {}
            }
        }
    }

    /// Claims partitions and folds until the first fault.
    async fn session(&mut self, shutdown: &CancellationToken) -> Result<(), ProjectionError> {
        let partitions = self.log.partitions();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let owned = self.store.claim(partitions).await?;
            self.checkpoints = Checkpoints::new(&owned);
            let complete = owned.len() == partitions as usize;
            if owned.is_empty() {
                self.state.send_replace(ProjectorState::Standby);
                tokio::select! {
                    () = shutdown.cancelled() => return Ok(()),
                    _ = tick.tick() => continue,
                }
            }
            tracing::info!(partitions = owned.len(), "the projector owns partitions");
            let mut reader = self.log.read(&owned).await?;
            let mut throttle = BatchThrottle::default();
            loop {
                let records = async {
                    throttle.wait().await;
                    reader.next(self.max_batch).await
                };
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => return Ok(()),
                    _ = tick.tick() => {
                        self.store.keep_alive().await?;
                        self.measure_lag().await?;
                        if !complete {
                            break; // Claim again: another owner may have ended.
                        }
                    }
                    records = records => {
                        let records = records?;
                        throttle.begin(records.len());
                        self.step(records).await?;
                    }
                }
            }
        }
    }

    /// Skips the measurement if the log is slow: the next heartbeat must not be late.
    async fn measure_lag(&self) -> Result<(), ProjectionError> {
        let Ok(ends) = tokio::time::timeout(TICK, self.log.known_end_offsets()).await else {
            tracing::debug!("the log did not report its end offsets in time");
            return Ok(());
        };
        // The lag of a partition without a leader is unknown; it counts as none.
        let ends: Vec<u64> = ends?.into_iter().map(Option::unwrap_or_default).collect();
        let lag = self.checkpoints.lag(&ends);
        metrics::gauge!("anb_projection_lag_events").set(lag as f64);
        self.state.send_if_modified(|state| {
            let new = ProjectorState::Running { lag };
            let changed = *state != new;
            *state = new;
            changed
        });
        Ok(())
    }
}
