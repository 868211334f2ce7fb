//! Folds the log into a generation that nobody reads yet, as far as the live one has come.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use infra::event_log::EventLog;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::sync::watch;

use super::control::Control;
use super::{RebuildError, RebuildOptions, RebuildProgress};
use crate::generations::Generation;
use crate::projector::Projector;
use crate::store::postgres::PostgresStore;

/// How often it is noted for others how far it has come.
const NOTED: Duration = Duration::from_secs(1);

pub(super) struct CatchUpProjector {
    log: Arc<dyn EventLog>,
    projector: Projector<PostgresStore>,
    generation: i64,
    progress: watch::Sender<RebuildProgress>,
    noted: Instant,
    /// Records folded so far.
    pub(super) folded: u64,
}

impl CatchUpProjector {
    pub(super) fn new(
        options: Arc<PgConnectOptions>,
        log: Arc<dyn EventLog>,
        home: &str,
        next: &Generation,
        RebuildOptions { max_batch, progress, .. }: RebuildOptions,
    ) -> Self {
        let store = PostgresStore::building(options, &format!("{},{home}", next.schema()));
        let projector = Projector::new(Arc::clone(&log), store, None, watch::Sender::new(0));
        let projector = projector.with_max_batch(max_batch);
        let (generation, noted) = (next.number, Instant::now());
        Self { log, projector, generation, progress, noted, folded: 0 }
    }

    /// For each partition, how far the live generation has folded it. If the log ends before that, it
    /// is another log, or less of it, and all that there is counts.
    pub(super) async fn live_position(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<u64>, RebuildError> {
        let rows: Vec<(i32, i64)> =
            sqlx::query_as("select partition, next_offset from checkpoints")
                .fetch_all(connection)
                .await?;
        let live: BTreeMap<i32, u64> =
            rows.into_iter().map(|(partition, next)| (partition, next.unsigned_abs())).collect();
        // Asked afterwards: a log only grows, so it has all that is folded.
        let ends = self.log.end_offsets().await?;
        let folded = |partition| live.get(&partition).copied().unwrap_or(0);
        Ok((0..).zip(ends).map(|(partition, end)| folded(partition).min(end)).collect())
    }

    /// Folds up to `ends`, noting now and then how far it is; says how many records that took.
    pub(super) async fn fold_to(
        &mut self,
        ends: &[u64],
        mut notes: Option<&mut Control>,
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
            self.progress.send_replace(RebuildProgress {
                generation: self.generation,
                folded,
                target,
            });
            if let Some(control) = &mut notes
                && (records.is_none() || self.noted.elapsed() > NOTED)
            {
                control.note(self.generation, folded, target).await?;
                self.noted = Instant::now();
            }
            if records.is_none() {
                return Ok(self.folded - before);
            }
        }
    }
}
