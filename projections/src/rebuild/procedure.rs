//! The steps of a rebuild.

use std::sync::Arc;

use domain::fold;
use infra::database::Pool;
use infra::event_log::EventLog;

use super::builder::Builder;
use super::control::Control;
use super::error::RebuildError;
use super::options::RebuildOptions;
use crate::checksum::{Checksums, Difference};
use crate::generations::{Generation, GenerationState, tables};

/// A generation that has become live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// Its number.
    pub generation: i64,
    /// The generation that was live before. It is kept.
    pub retired: i64,
    /// Records that were folded for it now.
    pub records: u64,
    /// Whether this rebuild continued an earlier one.
    pub resumed: bool,
    /// The checksums of the new generation when the two were compared.
    pub checksums: Checksums,
    /// The differences of the two generations at that moment.
    pub differences: Vec<Difference>,
}

/// Builds the next generation, or continues an unfinished one, and makes it live.
///
/// # Errors
/// [`RebuildError`]. The unfinished generation stays, and the next rebuild continues it.
pub async fn rebuild(
    pool: &Pool,
    log: Arc<dyn EventLog>,
    options: RebuildOptions,
) -> Result<Rebuilt, RebuildError> {
    let mut control = Control::take(pool).await?;
    let live = control.live().await?;
    if live.fold_version > fold::VERSION {
        return Err(RebuildError::NewerFold { live: live.fold_version });
    }
    // An unfinished generation was folded from the log before.
    let begun = match options.adopt_log {
        true => None,
        false => control.usable(GenerationState::Building).await?,
    };
    let next = match begun {
        Some(begun) => begun,
        None => begin(&mut control).await?,
    };
    // A new version of the fold is meant to produce other rows.
    let accepts =
        options.accept_differences || options.adopt_log || live.fold_version < fold::VERSION;
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
    // An unfinished generation that cannot be continued; and the retired one, so that there are never
    // more than two.
    for state in [GenerationState::Building, GenerationState::Retired] {
        tables::discard(control.connection(), state).await?;
    }
    Ok(tables::create(control.connection()).await?)
}

/// Makes the retired generation live again, after it has folded the records since then.
///
/// # Errors
/// [`RebuildError`]. Nothing has been switched then.
pub async fn switch_back(
    pool: &Pool,
    log: Arc<dyn EventLog>,
    options: RebuildOptions,
) -> Result<Rebuilt, RebuildError> {
    let mut control = Control::take(pool).await?;
    let retired =
        control.usable(GenerationState::Retired).await?.ok_or(RebuildError::NothingRetired)?;
    tables::discard(control.connection(), GenerationState::Building).await?;
    let next = control.revive(retired).await?;
    let mut builder = Builder::new(pool, log, control, next, options).await?;
    builder.catch_up().await?;
    let (checksums, differences) = builder.compare().await?;
    let retired = builder.make_live().await?;
    let records = builder.folded();
    let generation = next.number;
    Ok(Rebuilt { generation, retired, records, resumed: true, checksums, differences })
}

/// Drops the retired generation and an unfinished one. Returns their numbers.
///
/// # Errors
/// [`RebuildError`]; [`RebuildError::Running`] while another process rebuilds.
pub async fn discard(pool: &Pool) -> Result<Vec<i64>, RebuildError> {
    let mut control = Control::take(pool).await?;
    let mut dropped = Vec::new();
    for state in [GenerationState::Retired, GenerationState::Building] {
        dropped.extend(tables::discard(control.connection(), state).await?);
    }
    Ok(dropped)
}
