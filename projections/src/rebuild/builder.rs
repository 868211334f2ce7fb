//! The builder: builds a generation, compares it with the live one, and makes it live.

use std::sync::Arc;
use std::time::{Duration, Instant};

use infra::database::{Pool, SessionOptions};
use infra::event_log::EventLog;
use sqlx::{Connection, Postgres, Transaction};

use super::catch_up::CatchUpProjector;
use super::control::{Control, switch};
use super::error::RebuildError;
use super::options::RebuildOptions;
use crate::checksum::{self, Checksums, Difference};
use crate::generations::{Generation, tables};

/// Records that may be left when the live projector is paused: work for a tenth of a second.
const MAX_PAUSED_RECORDS: u64 = 2_048;
/// How long to retry while the tables are in use.
const SWITCH_TIMEOUT: Duration = Duration::from_secs(60);
const SWITCH_RETRY_DELAY: Duration = Duration::from_secs(1);

pub(super) struct Builder {
    options: SessionOptions,
    control: Control,
    /// The schema of the live generation.
    home: String,
    next: Generation,
    catch_up_projector: CatchUpProjector,
}

impl Builder {
    pub(super) async fn new(
        pool: &Pool,
        log: Arc<dyn EventLog>,
        mut control: Control,
        next: Generation,
        options: RebuildOptions,
    ) -> Result<Self, RebuildError> {
        let home = tables::home(control.connection()).await?;
        let catch_up_projector =
            CatchUpProjector::new(pool.session_options(), log, &home, &next, options);
        Ok(Self { options: pool.session_options(), control, home, next, catch_up_projector })
    }

    /// Records folded so far.
    pub(super) fn folded(&self) -> u64 {
        self.catch_up_projector.folded
    }

    /// Folds until the next generation is close to the live one.
    pub(super) async fn catch_up(&mut self) -> Result<(), RebuildError> {
        loop {
            let target = self.catch_up_projector.target(self.control.connection()).await?;
            if self.catch_up_projector.fold_to(&target, Some(&mut self.control)).await?
                <= MAX_PAUSED_RECORDS
            {
                return Ok(());
            }
        }
    }

    /// Pauses the live generation and folds the next one up to the same positions. Both stay there until
    /// the returned transaction ends.
    async fn synchronize(&mut self) -> Result<Transaction<'_, Postgres>, RebuildError> {
        self.catch_up().await?;
        let mut paused = self.control.pause(&self.home, &self.next).await?;
        let target = self.catch_up_projector.target(&mut paused).await?;
        self.catch_up_projector.fold_to(&target, None).await?;
        Ok(paused)
    }

    /// Compares the two generations at the same positions. Both are paused only until the snapshot is
    /// taken; rows are hashed in the snapshot while folding goes on.
    pub(super) async fn compare(&mut self) -> Result<(Checksums, Vec<Difference>), RebuildError> {
        let mut connection = self.options.open().await?;
        let paused = self.synchronize().await?;
        let mut snapshot = connection.begin().await?;
        checksum::begin_snapshot(&mut snapshot).await?;
        paused.rollback().await?;

        let (home, schema) = (self.home.as_str(), self.next.schema());
        let live = checksum::of_generation(&mut snapshot, home).await?;
        let next = checksum::of_generation(&mut snapshot, &schema).await?;
        let differences =
            checksum::differences(&mut snapshot, (home, &live), (&schema, &next)).await?;
        snapshot.rollback().await?;
        Ok((next, differences))
    }

    /// Makes the next generation live. Returns the number of the retired one.
    pub(super) async fn make_live(&mut self) -> Result<i64, RebuildError> {
        tables::analyze(self.control.connection(), &self.next.schema()).await?;
        let started = Instant::now();
        loop {
            match self.try_to_make_live().await {
                Err(RebuildError::Busy(error)) if started.elapsed() < SWITCH_TIMEOUT => {
                    tracing::debug!(%error, "the read models are in use, trying again");
                    tokio::time::sleep(SWITCH_RETRY_DELAY).await;
                }
                done => return done,
            }
        }
    }

    async fn try_to_make_live(&mut self) -> Result<i64, RebuildError> {
        let (home, next) = (self.home.clone(), self.next);
        let mut paused = self.synchronize().await?;
        let retired = switch(&mut paused, &home, &next).await?;
        paused.commit().await?;
        Ok(retired)
    }
}
