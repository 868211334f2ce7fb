//! The projector: one generic loop that folds the log into read models.
//!
//! Fetch a batch → load its working set → fold it in memory with `domain` → write rows and
//! checkpoints in one transaction → tell those who wait. It owns its partitions by a lock, and no
//! batch commits unless its checkpoint stands where this projector left it.

mod health;
mod replay;
mod step;

use std::sync::Arc;
use std::time::Duration;

use domain::Position;
use infra::batch_throttle::BatchThrottle;
use infra::event_log::{EventLog, ReadError};
use ports::verdicts::VerdictDesk;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

pub use health::ProjectorState;
pub use step::Stepped;

use crate::notifications;
use crate::store::{Store, StoreError};
use step::Checkpoints;

/// At most so many records are folded into one transaction.
const MAX_BATCH: usize = 4096;
/// How often a projector shows that it lives and measures its lag, and one without all partitions
/// tries to get the others.
const TICK: Duration = Duration::from_secs(1);
/// How long to wait after a fault that passes.
const RETRY: Duration = Duration::from_millis(250);

/// Why the projector stopped, or must begin anew.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The log cannot be read, or is not the one that was folded.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The log lacks a record, or gives one again.
    #[error("the log has a gap: {next} comes next, and offset {found} was read")]
    Gap {
        /// The record that must come next.
        next: Position,
        /// The offset of the one that came.
        found: u64,
    },
    /// The read models cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A defect in the fold: it panicked. The batch was not committed.
    #[error("the fold failed on a record from {from} on: {panic}")]
    Fold {
        /// The first record of the batch.
        from: Position,
        /// What it said.
        panic: String,
    },
}

impl ProjectionError {
    /// Whether trying again can help.
    fn passes(&self) -> bool {
        matches!(
            self,
            Self::Log(ReadError::Unavailable(_))
                | Self::Store(StoreError::Unavailable(_) | StoreError::LostOwnership(_))
        ) || matches!(self, Self::Gap { next, found } if *found < next.offset)
    }
}

/// Folds the log into a store.
pub struct Projector<S> {
    log: Arc<dyn EventLog>,
    store: S,
    desk: Option<Arc<VerdictDesk>>,
    ranking_revision: watch::Sender<u64>,
    state: watch::Sender<ProjectorState>,
    checkpoints: Checkpoints,
    max_batch: usize,
}

impl<S: Store> Projector<S> {
    /// A projector that has not begun. Verdicts go straight to `desk`, if there is one in this
    /// process; new revisions of the ranking go to `ranking_revision`.
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

    /// Folds at most `max` records per transaction.
    #[must_use]
    pub fn with_max_batch(mut self, max: usize) -> Self {
        self.max_batch = max.max(1);
        self
    }

    /// How it fares, now and later.
    pub fn state(&self) -> watch::Receiver<ProjectorState> {
        self.state.subscribe()
    }

    /// Runs until `shutdown`, which it heeds between batches.
    ///
    /// # Errors
    /// Only what trying again cannot mend: a defect in the fold, a truncated log, a broken row. The
    /// state says so too, for readiness; nothing is skipped.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), ProjectionError> {
        loop {
            let error = match self.session(&shutdown).await {
                Ok(()) => {
                    self.state.send_replace(ProjectorState::Ended);
                    return Ok(());
                }
                Err(error) => error,
            };
            if !error.passes() {
                tracing::error!(%error, "the projection has stopped");
                self.state.send_replace(ProjectorState::Stopped(error.to_string()));
                return Err(error);
            }
            tracing::warn!(%error, "the projection begins anew");
            self.state.send_replace(ProjectorState::Retrying(error.to_string()));
            metrics::counter!("anb_projection_restarts_total").increment(1);
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }

    /// From claiming partitions to the first fault.
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
            tracing::info!(partitions = owned.len(), "projecting");
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
                            break; // Claim again: an owner may have gone.
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

    /// Folds everything up to the end that the log has now; for tests. Returns how many records were
    /// folded.
    ///
    /// # Errors
    /// Any fault, also one that passes.
    pub async fn catch_up(&mut self) -> Result<u64, ProjectionError> {
        let ends = self.log.end_offsets().await?;
        let mut replay = self.replay(&ends).await?;
        let mut folded = 0;
        while let Some(records) = replay.next().await? {
            folded += records as u64;
        }
        Ok(folded)
    }

    /// A log that does not answer at once must not keep us from the next sign of life.
    async fn measure_lag(&self) -> Result<(), ProjectionError> {
        let Ok(ends) = tokio::time::timeout(TICK, self.log.end_offsets()).await else {
            tracing::debug!("the log does not say where it ends");
            return Ok(());
        };
        let lag = self.checkpoints.lag(&ends?);
        metrics::gauge!("anb_projection_lag_events").set(lag as f64);
        self.state.send_if_modified(|state| {
            let new = ProjectorState::Running { lag };
            let changed = *state != new;
            *state = new;
            changed
        });
        Ok(())
    }

    fn publish_verdicts(&self, stepped: &Stepped) {
        if let Some(ranking_revision) = stepped.ranking_revision {
            notifications::raise(&self.ranking_revision, ranking_revision);
        }
        let Some(desk) = &self.desk else { return };
        desk.publish(stepped.verdicts.iter().copied());
        for advance in &stepped.advances {
            desk.advance(advance.partition, advance.to);
        }
    }
}
