//! The loop of a projector: claim partitions, fold batches, restart after transient faults.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use infra::batch_throttle::BatchThrottle;
use infra::event_log::EventLog;
use infra::timeout::within;
use ports::verdicts::VerdictDesk;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::checkpoints::Checkpoints;
use super::error::ProjectionError;
use super::state::{HeldPartition, ProjectorState};
use crate::log_check::{self, CheckedReader, LogMismatch};
use crate::store::{Checkpoint, Claimed, Store};

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
    /// Those of the owned partitions, since they were claimed.
    pub(super) checkpoints: Option<Checkpoints>,
    /// Partitions that wait for a newer version. This projector does not claim them again.
    held: BTreeMap<u32, HeldPartition>,
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
            checkpoints: None,
            held: BTreeMap::new(),
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
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let owned = self.claim().await?;
            if owned.is_empty() {
                self.show_idle();
                tokio::select! {
                    () = shutdown.cancelled() => return Ok(()),
                    _ = tick.tick() => continue,
                }
            }
            tracing::info!(partitions = owned.len(), "the projector owns partitions");
            let mut reader = self.open_reader(&owned).await?;
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
                        self.check_log().await?;
                        if self.claims_more(owned.len()).await? {
                            break;
                        }
                    }
                    records = records => {
                        let records = records?;
                        throttle.begin(records.len());
                        let stepped = self.step(records).await?;
                        if !stepped.held.is_empty() {
                            self.hold(stepped.held);
                            break; // Read on without these partitions.
                        }
                    }
                }
            }
        }
    }

    /// Claims all partitions but those that are held. Returns the checkpoints of the owned ones. A call of
    /// [`Self::step`] needs a claim before it.
    ///
    /// # Errors
    /// [`ProjectionError::OtherLog`] if the read models were folded from another log; transient ones.
    pub async fn claim(&mut self) -> Result<Vec<Checkpoint>, ProjectionError> {
        let identity = self.log.identity().await?;
        let wanted: Vec<u32> =
            (0..self.log.partitions()).filter(|p| !self.held.contains_key(p)).collect();
        let Claimed { owned, folded_logs } = self.store.claim(&wanted).await?;
        log_check::check_identity(&identity, &folded_logs)?;
        self.checkpoints = Some(Checkpoints::new(identity, &owned));
        Ok(owned)
    }

    /// Opens a reader at the claimed checkpoints.
    pub(super) async fn open_reader(
        &self,
        owned: &[Checkpoint],
    ) -> Result<CheckedReader, ProjectionError> {
        Ok(CheckedReader::open(self.log.as_ref(), owned).await?)
    }

    /// Claims again if another owner may have ended. Returns whether this projector owns more partitions
    /// now.
    async fn claims_more(&mut self, owned: usize) -> Result<bool, ProjectionError> {
        let wanted = self.log.partitions() as usize - self.held.len();
        Ok(owned < wanted && self.claim().await?.len() != owned)
    }

    fn hold(&mut self, held: Vec<HeldPartition>) {
        for held in held {
            tracing::error!(%held, "a record is newer than this version");
            self.held.insert(held.at.partition, held);
        }
        metrics::gauge!("anb_projection_held_partitions").set(self.held.len() as f64);
    }

    /// Checks that the log is still the same, and measures the lag. Skips both if the log is slow: the next
    /// heartbeat must not be late.
    async fn check_log(&mut self) -> Result<(), ProjectionError> {
        let log = Arc::clone(&self.log);
        let state = async { tokio::try_join!(log.identity(), log.known_end_offsets()) };
        let Ok(state) = within("log_state", TICK, state).await else {
            tracing::debug!("the log did not report its end offsets in time");
            return Ok(());
        };
        let (identity, ends) = state?;
        let Some(checkpoints) = &self.checkpoints else { return Ok(()) };
        if checkpoints.log != identity {
            let folded = checkpoints.log.clone();
            return Err(LogMismatch::OtherLog { folded, found: identity }.into());
        }
        // The lag of a partition without a leader is unknown; it counts as none.
        let ends: Vec<u64> = ends.into_iter().map(Option::unwrap_or_default).collect();
        let lag = checkpoints.lag(&ends);
        metrics::gauge!("anb_projection_lag_events").set(lag as f64);
        self.show(ProjectorState::Running { lag, held: self.held.values().cloned().collect() });
        Ok(())
    }

    /// Shows that nothing is owned: other processes own the partitions, or all of them are held.
    fn show_idle(&self) {
        let held: Vec<_> = self.held.values().cloned().collect();
        self.show(match held.is_empty() {
            true => ProjectorState::Standby,
            false => ProjectorState::Running { lag: 0, held },
        });
    }

    fn show(&self, new: ProjectorState) {
        self.state.send_if_modified(|state| {
            let changed = *state != new;
            *state = new;
            changed
        });
    }
}
