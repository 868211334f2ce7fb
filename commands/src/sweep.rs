//! The sweep removes what interrupted commands have left behind:
//!
//! - personal data of registrations that were rejected or never reached the log,
//! - what is left of erased accounts,
//! - objects that no video needs,
//! - writes to the store that were never completed, and resumable uploads that have expired.
//!
//! Each is a part of its own: if one fails, the others go on.

mod lease;

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use domain::object_keys;
use futures_util::TryStreamExt;
use infra::database::Pool;
use infra::event_log::EventLog;
use infra::object_storage::{ObjectKey, ObjectStorage};
use infra::timeout::within;
use ports::append_gate::AppendGate;
use ports::read_models::ReadModels;
use ports::verdicts::VerdictLookup;

use crate::erase::withdrawal;
use crate::error::CommandError;
use crate::personal_data;
use crate::resumable::sweep::{self as resumable_uploads, PREFIX as PIECES};
use lease::SweepLease;

/// The minimum age of what is removed. Something younger may belong to a request that still runs.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);
/// How often each process looks whether a sweep is due.
const LEASE_POLL_INTERVAL: Duration = Duration::from_secs(60);
/// A part that takes longer is given up until the next sweep.
const PART_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// How many objects or persons one query checks.
const PAGE: usize = 1_000;
/// How many videos one sweep withdraws at most.
const MAX_WITHDRAWN: u32 = 500;

/// What one sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows of personal data whose registration was rejected or never reached the log, or whose account is
    /// erased.
    pub personal_data: u64,
    /// Unpublished videos whose owner's account is erased.
    pub withdrawn: u64,
    /// Resumable uploads that have expired, or whose owner's account is erased.
    pub resumable_uploads: u64,
    /// Objects that no video needs.
    pub objects: u64,
    /// Writes to the store that were never completed.
    pub partial_uploads: u64,
    /// Parts of the sweep that failed. The next sweep tries them again.
    pub failed: u64,
}

/// Removes what interrupted commands have left behind.
#[derive(Clone)]
pub struct Sweeper {
    /// The log: something is removed as unknown only if the read models have folded up to its end.
    pub log: Arc<dyn EventLog>,
    /// The read models, which know what videos need.
    pub read_models: Arc<dyn ReadModels>,
    /// Whether the log is the one that the read models were folded from.
    pub gate: Arc<AppendGate>,
    /// How far the read models have folded the log.
    pub verdicts: Arc<dyn VerdictLookup>,
    /// The store to sweep.
    pub storage: Arc<dyn ObjectStorage>,
    /// The database of `personal_data`.
    pub pool: Pool,
    /// The minimum age of a removed object.
    pub grace: Duration,
}

/// Runs the parts of one sweep and counts those that failed.
#[derive(Default)]
struct Parts {
    failed: u64,
}

impl Parts {
    /// Returns how much the part removed.
    async fn run<E: Into<CommandError>>(
        &mut self,
        part: &'static str,
        removal: impl Future<Output = Result<u64, E>>,
    ) -> u64 {
        let removed = match within("sweep_part", PART_TIMEOUT, removal).await {
            Ok(removed) => removed.map_err(Into::into),
            Err(late) => Err(CommandError::unavailable(late)),
        };
        match removed {
            Ok(removed) => {
                metrics::counter!("anb_sweep_removed_total", "part" => part).increment(removed);
                removed
            }
            Err(error) => {
                self.failed += 1;
                metrics::counter!("anb_sweep_failures_total", "part" => part).increment(1);
                tracing::warn!(part, %error, "a part of the sweep failed");
                0
            }
        }
    }
}

impl Sweeper {
    /// The default of `grace`.
    pub const GRACE: Duration = GRACE;

    /// Sweeps every hour, unless another process of the installation does. Never ends.
    pub async fn run(self) {
        let lease = SweepLease::new(self.pool.clone());
        loop {
            match lease.take().await {
                Ok(true) => self.sweep_under(&lease).await,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the lease on the sweep cannot be taken"),
            }
            tokio::time::sleep(LEASE_POLL_INTERVAL).await;
        }
    }

    async fn sweep_under(&self, lease: &SweepLease) {
        let swept = tokio::select! {
            swept = self.sweep() => swept,
            () = lease.keep() => return tracing::warn!("another process has taken over the sweep"),
        };
        if swept != Swept::default() {
            tracing::info!(?swept, "the sweep removed leftovers");
        }
        if let Err(error) = lease.finish().await {
            tracing::warn!(%error, "the end of the sweep is not stored, and it is soon repeated");
        }
    }

    /// Sweeps once.
    pub async fn sweep(&self) -> Swept {
        let (pool, storage) = (&self.pool, self.storage.as_ref());
        let mut parts = Parts::default();
        let mut swept = Swept {
            personal_data: parts.run("erased_persons", personal_data::sweep_erased(pool)).await
                + parts.run("rejected_persons", personal_data::sweep_rejected(pool)).await
                + parts.run("unregistered_persons", self.sweep_unregistered()).await,
            withdrawn: parts.run("withdrawals", self.withdraw_abandoned()).await,
            resumable_uploads: parts
                .run("expired_uploads", resumable_uploads::remove_expired(pool, storage))
                .await
                + parts
                    .run("uploads_of_erased", resumable_uploads::remove_erased(pool, storage))
                    .await,
            ..Swept::default()
        };
        for prefix in object_keys::VIDEO_FOLDERS.into_iter().chain([PIECES]) {
            swept.objects += parts.run(prefix, self.sweep_objects(prefix)).await;
        }
        let partial =
            async { storage.sweep_partial(self.grace).await.map_err(CommandError::unavailable) };
        swept.partial_uploads = parts.run("partial_uploads", partial).await;
        Swept { failed: parts.failed, ..swept }
    }

    /// The ends of the log, up to which the read models must have folded before a missing row means
    /// anything.
    async fn ends(&self) -> Result<Vec<u64>, CommandError> {
        if let Some(problem) = self.gate.log_problem() {
            return Err(CommandError::unavailable(problem));
        }
        // Read first: the log may grow in between, so its ends are never before its own checkpoints.
        let checkpoints = self.verdicts.checkpoints().await?;
        let ends = self.log.end_offsets().await.map_err(CommandError::unavailable)?;
        let is_within = |end: Option<&u64>, offset| end.is_some_and(|end| offset <= *end);
        match checkpoints.iter().find(|at| !is_within(ends.get(at.partition as usize), at.offset)) {
            None => Ok(ends),
            Some(at) => Err(CommandError::unavailable(format!(
                "the log ends before the checkpoint of partition {} at offset {}: it was cut, or the \
                 read models are those of another log",
                at.partition, at.offset
            ))),
        }
    }

    /// Removes the personal data of sign-ups that failed before their event was in the log.
    async fn sweep_unregistered(&self) -> Result<u64, CommandError> {
        let (mut removed, mut after) = (0, None);
        loop {
            let page = personal_data::unregistered(&self.pool, after, PAGE, self.grace).await?;
            let Some(last) = page.last() else { return Ok(removed) };
            after = Some(last.account);
            let old = page.iter().filter(|row| row.old).map(|row| (row.account, row.event_id));
            let old: Vec<_> = old.collect();
            personal_data::mark_registered(&self.pool, &page).await?;
            if old.is_empty() {
                continue;
            }
            // The ends are taken after the grace began: an append under way then has ended long ago.
            let ends = self.ends().await?;
            let missing = self.read_models.unregistered(&old, &ends).await?;
            removed += personal_data::delete_unregistered(&self.pool, &missing, self.grace).await?;
        }
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
                .try_chunks(PAGE)
        );
        let mut removed = 0;
        while let Some(page) =
            old.try_next().await.map_err(|error| CommandError::unavailable(error.1))?
        {
            removed += match prefix {
                PIECES => {
                    resumable_uploads::remove_orphans(&self.pool, self.storage.as_ref(), &page)
                        .await?
                }
                _ => self.remove_orphans(&page).await?,
            };
        }
        Ok(removed)
    }

    async fn remove_orphans(&self, page: &[ObjectKey]) -> Result<u64, CommandError> {
        let ends = self.ends().await?;
        let keys: Vec<String> = page.iter().map(ToString::to_string).collect();
        let orphans = self.read_models.orphaned_keys(&keys, &ends).await?;
        for key in orphans.iter().filter_map(|key| ObjectKey::parse(key)) {
            tracing::info!(%key, "the sweep removes an object that no video needs");
            self.storage.delete(&key).await.map_err(CommandError::unavailable)?;
        }
        Ok(orphans.len() as u64)
    }
}
