//! Folds the log into the generation that is being built, up to the positions of the live one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Position;
use infra::database::SessionOptions;
use infra::event_log::EventLog;
use sqlx::postgres::PgConnection;
use tokio::sync::watch;

use super::control::Control;
use super::error::RebuildError;
use super::options::{RebuildOptions, RebuildProgress};
use crate::checkpoint_rows;
use crate::generations::Generation;
use crate::projector::Projector;
use crate::store::postgres::PostgresStore;

/// How often the progress is stored.
const STORE_PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct CatchUpProjector {
    log: Arc<dyn EventLog>,
    projector: Projector<PostgresStore>,
    generation: i64,
    progress: watch::Sender<RebuildProgress>,
    progress_stored: Instant,
    /// Records folded so far.
    pub(super) folded: u64,
}

impl CatchUpProjector {
    pub(super) fn new(
        options: SessionOptions,
        log: Arc<dyn EventLog>,
        home: &str,
        next: &Generation,
        RebuildOptions { max_batch, progress, .. }: RebuildOptions,
    ) -> Self {
        let store = PostgresStore::building(options, &format!("{},{home}", next.schema()));
        let projector = Projector::new(Arc::clone(&log), store, None, watch::Sender::new(0));
        let projector = projector.with_max_batch(max_batch);
        let (generation, progress_stored) = (next.number, Instant::now());
        Self { log, projector, generation, progress, progress_stored, folded: 0 }
    }

    /// For each partition, the first offset that the live generation has not folded. If the log ends
    /// before that, it was cut or replaced, and its end counts.
    pub(super) async fn live_position(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<u64>, RebuildError> {
        let live = checkpoint_rows::all(connection).await?;
        let live: BTreeMap<u32, u64> =
            live.into_iter().map(|Position { partition, offset }| (partition, offset)).collect();
        // Read after the checkpoints: the log only grows, so it has all folded records.
        let ends = self.log.end_offsets().await?;
        let folded = |partition| live.get(&partition).copied().unwrap_or(0);
        Ok((0..).zip(ends).map(|(partition, end)| folded(partition).min(end)).collect())
    }

    /// Folds up to `ends`, and stores the progress through `control` if given. Returns the number of folded
    /// records.
    pub(super) async fn fold_to(
        &mut self,
        ends: &[u64],
        mut control: Option<&mut Control>,
    ) -> Result<u64, RebuildError> {
        let target = ends.iter().sum::<u64>();
        let before = self.folded;
        let mut replay = self.projector.replay(ends).await?;
        if replay.owned() < ends.len() {
            return Err(RebuildError::Running(None));
        }
        loop {
            let records = replay.next().await?;
            self.folded += records.unwrap_or_default() as u64;
            let folded = target.saturating_sub(replay.left());
            let progress = RebuildProgress { generation: self.generation, folded, target };
            self.progress.send_replace(progress);
            let due = self.progress_stored.elapsed() > STORE_PROGRESS_INTERVAL;
            if let Some(control) = &mut control
                && (records.is_none() || due)
            {
                control.store_progress(progress).await?;
                self.progress_stored = Instant::now();
            }
            if records.is_none() {
                return Ok(self.folded - before);
            }
        }
    }
}
