//! Removing what interrupted commands have left behind: objects that no video needs, uploads never
//! completed, or not gone on with for too long, personal data of registrations that lost a race, and
//! what is left of people who were erased.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use domain::object_keys;
use futures_util::TryStreamExt;
use infra::event_log::EventLog;
use infra::object_storage::{ObjectKey, ObjectStorage};
use ports::read_models::ReadModels;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::erase::withdrawal;
use crate::{CommandError, personal_data, resumable};

/// A request, however slow, is over by then: what is younger may still be about to be used.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);
const PAUSE: Duration = Duration::from_secs(60 * 60);
/// Objects are checked in groups of so many.
const GROUP: usize = 500;
/// So many videos are withdrawn by one sweep.
const MOST_WITHDRAWN: u32 = 500;

/// What one sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects that no video needs.
    pub objects: u64,
    /// Writes to the store that were never completed.
    pub partial_uploads: u64,
    /// Resumable uploads that have expired, or whose owner was erased.
    pub resumable_uploads: u64,
    /// Rows of personal data whose registration was rejected, or whose account was erased.
    pub personal_data: u64,
    /// Videos that never came on stage, and whose owner was erased.
    pub withdrawn: u64,
}

/// Sweeps.
#[derive(Clone)]
pub struct Sweeper {
    /// The log, whose end tells whether the read models know everything.
    pub log: Arc<dyn EventLog>,
    /// What videos need.
    pub read_models: Arc<dyn ReadModels>,
    /// The store to be swept.
    pub storage: Arc<dyn ObjectStorage>,
    /// The database of `personal_data`.
    pub pool: PgPool,
    /// How old an object must be.
    pub grace: Duration,
}

impl Sweeper {
    /// Old enough, by default.
    pub const GRACE: Duration = GRACE;

    /// Sweeps now and every hour, until `shutdown`. A sweep that fails is tried again next time.
    pub async fn run(self, shutdown: CancellationToken) {
        loop {
            match self.sweep().await {
                Ok(swept) if swept == Swept::default() => {}
                Ok(swept) => tracing::info!(?swept, "swept"),
                Err(error) => tracing::warn!(%error, "the sweep failed"),
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Sweeps once.
    ///
    /// # Errors
    /// [`CommandError`] if something cannot be asked or removed; the rest is left for next time.
    pub async fn sweep(&self) -> Result<Swept, CommandError> {
        let storage = self.storage.as_ref();
        let mut swept = Swept {
            partial_uploads: self.storage.sweep_partial(self.grace).await.map_err(unavailable)?,
            personal_data: personal_data::sweep_rejected(&self.pool).await?
                + personal_data::sweep_erased(&self.pool).await?,
            withdrawn: self.withdraw_abandoned().await?,
            resumable_uploads: resumable::remove_expired(&self.pool, storage).await?
                + resumable::remove_erased(&self.pool, storage).await?,
            objects: 0,
        };
        for prefix in object_keys::VIDEO_FOLDERS.into_iter().chain([resumable::PREFIX]) {
            swept.objects += self.sweep_objects(prefix).await?;
        }
        Ok(swept)
    }

    /// Says so in the log; whether it is so, the fold decides. Their files go with a later sweep.
    async fn withdraw_abandoned(&self) -> Result<u64, CommandError> {
        let abandoned = self.read_models.abandoned_videos(MOST_WITHDRAWN).await?;
        let records: Result<Vec<_>, _> =
            abandoned.iter().map(|video| withdrawal(video).into_record()).collect();
        let records = records.map_err(|error| CommandError::Internal(error.to_string()))?;
        for appended in self.log.append(records).await {
            appended?;
        }
        Ok(abandoned.len() as u64)
    }

    async fn sweep_objects(&self, prefix: &str) -> Result<u64, CommandError> {
        let listing = self.storage.list(prefix).await.map_err(unavailable)?;
        let oldest_kept = Utc::now() - self.grace;
        let mut old = std::pin::pin!(
            listing
                .try_filter(|object| std::future::ready(object.modified_at < oldest_kept))
                .map_ok(|object| object.key)
                .try_chunks(GROUP)
        );
        let mut removed = 0;
        while let Some(group) = old.try_next().await.map_err(|error| unavailable(error.1))? {
            removed += match prefix {
                resumable::PREFIX => {
                    resumable::remove_orphans(&self.pool, self.storage.as_ref(), &group).await?
                }
                _ => self.remove_orphans(&group).await?,
            };
        }
        Ok(removed)
    }

    async fn remove_orphans(&self, group: &[ObjectKey]) -> Result<u64, CommandError> {
        let ends = self.log.end_offsets().await.map_err(unavailable)?;
        let keys: Vec<String> = group.iter().map(ToString::to_string).collect();
        let orphans = self.read_models.orphaned_keys(&keys, &ends).await?;
        for key in orphans.iter().filter_map(|key| ObjectKey::parse(key)) {
            tracing::info!(%key, "removing an object that no video needs");
            self.storage.delete(&key).await.map_err(unavailable)?;
        }
        Ok(orphans.len() as u64)
    }
}

fn unavailable(error: impl std::fmt::Display) -> CommandError {
    CommandError::Unavailable(error.to_string())
}
