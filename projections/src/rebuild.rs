//! Rebuilding every read model from the log, beside the ones that are live.
//!
//! A second projector folds the log into a generation of its own. It never gets ahead of the live one,
//! so that there is a moment at which both are at the same point: there they are compared, and there
//! they change places. Readers, projectors and commands go on meanwhile.

mod automatic;
mod builder;
mod catch_up;
mod control;
mod error;

use std::sync::Arc;

use domain::fold;
use infra::event_log::EventLog;
use sqlx::PgPool;
use tokio::sync::watch;

use crate::checksum::{Checksums, Difference};
use crate::generations::{Generation, State, tables};
use builder::Builder;
use control::Control;

pub use automatic::keep_current;
pub use error::RebuildError;

/// At most so many records are folded into one transaction: nobody waits for a verdict.
const MAX_BATCH: usize = 16_384;

/// How to go about it.
#[derive(Clone, Debug)]
pub struct RebuildOptions {
    /// Make the next generation live also if it differs from the live one.
    pub accept_differences: bool,
    /// At most so many records are folded into one transaction.
    pub max_batch: usize,
    /// Hears how far it has come.
    pub progress: watch::Sender<RebuildProgress>,
}

impl Default for RebuildOptions {
    fn default() -> Self {
        Self { accept_differences: false, max_batch: MAX_BATCH, progress: watch::Sender::default() }
    }
}

/// How far a rebuild has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RebuildProgress {
    /// The generation that is being built.
    pub generation: i64,
    /// Records folded into it.
    pub folded: u64,
    /// Records that the live generation has folded.
    pub target: u64,
}

/// A generation that has become live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// Its number.
    pub generation: i64,
    /// The one that was live before. It is kept.
    pub retired: i64,
    /// Records that were folded for it now.
    pub records: u64,
    /// Whether an earlier rebuild had begun it, and this one has gone on.
    pub resumed: bool,
    /// What both held at the point at which they were compared, or what the new one did.
    pub checksums: Checksums,
    /// In what they differed there.
    pub differences: Vec<Difference>,
}

/// Builds the next generation, or goes on with one that was begun, and makes it live.
///
/// # Errors
/// [`RebuildError`]; what has been built stays, and the next rebuild goes on from there.
pub async fn rebuild(
    pool: &PgPool,
    log: Arc<dyn EventLog>,
    options: RebuildOptions,
) -> Result<Rebuilt, RebuildError> {
    let mut control = Control::take(pool).await?;
    let live = control.live().await?;
    if live.fold_version > fold::VERSION {
        return Err(RebuildError::NewerFold { live: live.fold_version });
    }
    let begun = control.usable(State::Building).await?;
    let next = match begun {
        Some(begun) => begun,
        None => begin(&mut control).await?,
    };
    // Another fold comes to other rows: that is what it was made for.
    let accepts = options.accept_differences || live.fold_version < fold::VERSION;
    let mut builder = Builder::new(pool, log, control, next, options).await?;
    builder.catch_up().await?;
    let (checksums, differences) = builder.compare().await?;
    if !differences.is_empty() && !accepts {
        return Err(RebuildError::Different(differences));
    }
    let retired = builder.make_live().await?;
    Ok(Rebuilt {
        generation: next.number,
        retired,
        records: builder.folded(),
        resumed: begun.is_some(),
        checksums,
        differences,
    })
}

async fn begin(control: &mut Control) -> Result<Generation, RebuildError> {
    // What cannot be gone on with, and, so that there are never more than two, what was live before.
    for state in [State::Building, State::Retired] {
        tables::discard(control.connection(), state).await?;
    }
    Ok(tables::create(control.connection()).await?)
}

/// Makes the generation live again that was live before, once it has folded what came since.
///
/// # Errors
/// [`RebuildError`]; then nothing has changed places.
pub async fn switch_back(
    pool: &PgPool,
    log: Arc<dyn EventLog>,
    options: RebuildOptions,
) -> Result<Rebuilt, RebuildError> {
    let mut control = Control::take(pool).await?;
    let retired = control.usable(State::Retired).await?.ok_or(RebuildError::NothingRetired)?;
    tables::discard(control.connection(), State::Building).await?;
    let next = control.revive(retired).await?;
    let mut builder = Builder::new(pool, log, control, next, options).await?;
    builder.catch_up().await?;
    let (checksums, differences) = builder.compare().await?;
    let retired = builder.make_live().await?;
    let records = builder.folded();
    let generation = next.number;
    Ok(Rebuilt { generation, retired, records, resumed: true, checksums, differences })
}

/// Drops whatever is not live: the generation that was live before, and one that is not finished.
/// Returns their numbers.
///
/// # Errors
/// [`RebuildError`], among them [`RebuildError::Running`] while somebody builds.
pub async fn discard(pool: &PgPool) -> Result<Vec<i64>, RebuildError> {
    let mut control = Control::take(pool).await?;
    let mut dropped = Vec::new();
    for state in [State::Retired, State::Building] {
        dropped.extend(tables::discard(control.connection(), state).await?);
    }
    Ok(dropped)
}
