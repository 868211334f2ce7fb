//! Folds the log into the generation that is being built, up to the positions of the live one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use infra::database::SessionOptions;
use infra::event_log::EventLog;
use sqlx::postgres::PgConnection;
use tokio::sync::watch;

use super::control::Control;
use super::error::RebuildError;
use super::options::{RebuildOptions, RebuildProgress};
use crate::checkpoint_rows;
use crate::generations::Generation;
use crate::log_check;
use crate::projector::Projector;
use crate::store::postgres::PostgresStore;

/// How often the progress is stored.
const STORE_PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct CatchUpProjector {
    log: Arc<dyn EventLog>,
    projector: Projector<PostgresStore>,
    generation: i64,
    adopts_log: bool,
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
        RebuildOptions { adopt_log: adopts_log, max_batch, progress, .. }: RebuildOptions,
    ) -> Self {
        let store = PostgresStore::building(options, &format!("{},{home}", next.schema()));
        let projector = Projector::new(Arc::clone(&log), store, None, watch::Sender::new(0));
        let projector = projector.with_max_batch(max_batch);
        let (generation, progress_stored) = (next.number, Instant::now());
        Self { log, projector, generation, adopts_log, progress, progress_stored, folded: 0 }
    }

    /// For each partition, the first offset that the next generation must not fold: the checkpoint of the
    /// live one, or the end of a log that is adopted.
    pub(super) async fn target(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<u64>, RebuildError> {
        let live = checkpoint_rows::all(connection).await?;
        // Read after the checkpoints: the log only grows, so it has all folded records.
        let ends = self.log.end_offsets().await?;
        if self.adopts_log {
            return Ok(ends);
        }
        log_check::check_ends(&live, &ends.iter().copied().map(Some).collect::<Vec<_>>())?;
        let folded_logs = live.iter().filter_map(|it| it.last.as_ref()).map(|last| &last.log);
        log_check::check_identity(&self.log.identity().await?, folded_logs)?;
        let live = live.into_iter().map(|checkpoint| checkpoint.next);
        let live: BTreeMap<u32, u64> = live.map(|at| (at.partition, at.offset)).collect();
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
