//! Who builds a generation, compares it, and makes it live.

use std::sync::Arc;
use std::time::{Duration, Instant};

use infra::event_log::EventLog;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, PgPool, Postgres, Transaction};

use super::catch_up::CatchUpProjector;
use super::control::{Control, change_places};
use super::{RebuildError, RebuildOptions};
use crate::checksum::{self, Checksums, Difference};
use crate::generations::{Generation, tables};

/// What may be left to be folded while the live projector is held up: a tenth of a second's work.
const NEAR: u64 = 2_048;
/// How long to try to get hold of tables that are in use.
const PATIENCE: Duration = Duration::from_secs(60);
const TRY_AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Builder {
    options: Arc<PgConnectOptions>,
    control: Control,
    /// The schema of the live generation.
    home: String,
    next: Generation,
    catch_up_projector: CatchUpProjector,
}

impl Builder {
    pub(super) async fn new(
        pool: &PgPool,
        log: Arc<dyn EventLog>,
        mut control: Control,
        next: Generation,
        options: RebuildOptions,
    ) -> Result<Self, RebuildError> {
        let home = tables::home(control.connection()).await?;
        let catch_up_projector =
            CatchUpProjector::new(pool.connect_options(), log, &home, &next, options);
        Ok(Self { options: pool.connect_options(), control, home, next, catch_up_projector })
    }

    /// Records folded so far.
    pub(super) fn folded(&self) -> u64 {
        self.catch_up_projector.folded
    }

    /// Follows the live generation until it is near.
    pub(super) async fn catch_up(&mut self) -> Result<(), RebuildError> {
        loop {
            let live = self.catch_up_projector.live_position(self.control.connection()).await?;
            if self.catch_up_projector.fold_to(&live, Some(&mut self.control)).await? <= NEAR {
                return Ok(());
            }
        }
    }

    /// A transaction in which the live generation stands still, and the next one stands where it does.
    async fn meet(&mut self) -> Result<Transaction<'_, Postgres>, RebuildError> {
        self.catch_up().await?;
        let mut paused = self.control.pause(&self.home, &self.next).await?;
        let live = self.catch_up_projector.live_position(&mut paused).await?;
        self.catch_up_projector.fold_to(&live, None).await?;
        Ok(paused)
    }

    /// Compares the two at a moment at which both are at the same point. Only that moment is waited
    /// for: while rows are counted and hashed, both go on.
    pub(super) async fn compare(&mut self) -> Result<(Checksums, Vec<Difference>), RebuildError> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        let paused = self.meet().await?;
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

    /// Makes the next generation live. Returns the number of the one that was.
    pub(super) async fn make_live(&mut self) -> Result<i64, RebuildError> {
        tables::analyze(self.control.connection(), &self.next.schema()).await?;
        let started = Instant::now();
        loop {
            match self.try_to_make_live().await {
                Err(RebuildError::Busy(why)) if started.elapsed() < PATIENCE => {
                    tracing::debug!(why, "the read models are in use, trying again");
                    tokio::time::sleep(TRY_AGAIN).await;
                }
                done => return done,
            }
        }
    }

    async fn try_to_make_live(&mut self) -> Result<i64, RebuildError> {
        let (home, next) = (self.home.clone(), self.next);
        let mut paused = self.meet().await?;
        let retired = change_places(&mut paused, &home, &next).await?;
        paused.commit().await?;
        Ok(retired)
    }
}
