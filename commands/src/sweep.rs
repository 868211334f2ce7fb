//! The sweep removes what interrupted commands have left behind:
//!
//! - objects that no video needs,
//! - writes to the store that were never completed, and resumable uploads that have expired,
//! - personal data of rejected registrations,
//! - what is left of erased accounts.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use domain::object_keys;
use futures_util::TryStreamExt;
use infra::database::Pool;
use infra::event_log::EventLog;
use infra::object_storage::{ObjectKey, ObjectStorage};
use ports::read_models::ReadModels;
use tokio_util::sync::CancellationToken;

use crate::erase::withdrawal;
use crate::error::CommandError;
use crate::personal_data;
use crate::resumable::sweep::{self as resumable_uploads, PREFIX as PIECES};

/// The minimum age of a removed object. A younger one may belong to a request that still runs.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);
const INTERVAL: Duration = Duration::from_secs(60 * 60);
/// How many objects one query checks.
const GROUP: usize = 500;
/// How many videos one sweep withdraws at most.
const MAX_WITHDRAWN: u32 = 500;

/// What one sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects that no video needs.
    pub objects: u64,
    /// Writes to the store that were never completed.
    pub partial_uploads: u64,
    /// Resumable uploads that have expired, or whose owner's account is erased.
    pub resumable_uploads: u64,
    /// Rows of personal data whose registration was rejected, or whose account is erased.
    pub personal_data: u64,
    /// Unpublished videos whose owner's account is erased.
    pub withdrawn: u64,
}

/// Removes what interrupted commands have left behind.
#[derive(Clone)]
pub struct Sweeper {
    /// The log: an object is removed only if the read models have folded up to its end.
    pub log: Arc<dyn EventLog>,
    /// The read models, which know what videos need.
    pub read_models: Arc<dyn ReadModels>,
    /// The store to sweep.
    pub storage: Arc<dyn ObjectStorage>,
    /// The database of `personal_data`.
    pub pool: Pool,
    /// The minimum age of a removed object.
    pub grace: Duration,
}

impl Sweeper {
    /// The default of `grace`.
    pub const GRACE: Duration = GRACE;

    /// Sweeps now and every hour, until `shutdown`. The next sweep retries what failed.
    pub async fn run(self, shutdown: CancellationToken) {
        loop {
            match self.sweep().await {
                Ok(swept) if swept == Swept::default() => {}
                Ok(swept) => tracing::info!(?swept, "the sweep removed leftovers"),
                Err(error) => tracing::warn!(%error, "the sweep failed"),
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }

    /// Sweeps once.
    ///
    /// # Errors
    /// [`CommandError`] if a dependency is unavailable; the rest is left to the next sweep.
    pub async fn sweep(&self) -> Result<Swept, CommandError> {
        let storage = self.storage.as_ref();
        let mut swept = Swept {
            partial_uploads: self
                .storage
                .sweep_partial(self.grace)
                .await
                .map_err(CommandError::unavailable)?,
            personal_data: personal_data::sweep_rejected(&self.pool).await?
                + personal_data::sweep_erased(&self.pool).await?,
            withdrawn: self.withdraw_abandoned().await?,
            resumable_uploads: resumable_uploads::remove_expired(&self.pool, storage).await?
                + resumable_uploads::remove_erased(&self.pool, storage).await?,
            objects: 0,
        };
        for prefix in object_keys::VIDEO_FOLDERS.into_iter().chain([PIECES]) {
            swept.objects += self.sweep_objects(prefix).await?;
        }
        Ok(swept)
    }

    /// Appends the withdrawals; the fold decides. A later sweep removes the files.
    async fn withdraw_abandoned(&self) -> Result<u64, CommandError> {
        let abandoned = self.read_models.abandoned_videos(MAX_WITHDRAWN).await?;
        let records: Result<Vec<_>, _> =
            abandoned.iter().map(|video| withdrawal(video).into_record()).collect();
        let records = records.map_err(CommandError::internal)?;
        for appended in self.log.append(records).await {
            appended?;
        }
        Ok(abandoned.len() as u64)
    }

    async fn sweep_objects(&self, prefix: &str) -> Result<u64, CommandError> {
        let listing = self.storage.list(prefix).await.map_err(CommandError::unavailable)?;
        let oldest_kept = Utc::now() - self.grace;
        let mut old = std::pin::pin!(
            listing
                .try_filter(|object| std::future::ready(object.modified_at < oldest_kept))
                .map_ok(|object| object.key)
                .try_chunks(GROUP)
        );
        let mut removed = 0;
        while let Some(group) =
            old.try_next().await.map_err(|error| CommandError::unavailable(error.1))?
        {
            removed += match prefix {
                PIECES => {
                    resumable_uploads::remove_orphans(&self.pool, self.storage.as_ref(), &group)
                        .await?
                }
                _ => self.remove_orphans(&group).await?,
            };
        }
        Ok(removed)
    }

    async fn remove_orphans(&self, group: &[ObjectKey]) -> Result<u64, CommandError> {
        let ends = self.log.end_offsets().await.map_err(CommandError::unavailable)?;
        let keys: Vec<String> = group.iter().map(ToString::to_string).collect();
        let orphans = self.read_models.orphaned_keys(&keys, &ends).await?;
        for key in orphans.iter().filter_map(|key| ObjectKey::parse(key)) {
            tracing::info!(%key, "the sweep removes an object that no video needs");
            self.storage.delete(&key).await.map_err(CommandError::unavailable)?;
        }
        Ok(orphans.len() as u64)
    }
}
