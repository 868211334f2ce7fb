//! Why a rebuild failed.

use domain::fold;
use infra::cause::{Cause, cause};
use infra::event_log::ReadError;

use crate::checksum::Difference;
use crate::log_check::LogMismatch;
use crate::projector::ProjectionError;
use crate::store::StoreError;

/// Why a rebuild did not start or finish.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RebuildError {
    /// Another process rebuilds: the number of its generation, folded records, records to fold.
    #[error("another rebuild is running{}", progress(.0))]
    Running(Option<(i64, i64, i64)>),
    /// The next generation differs from the live one.
    #[error("the next generation differs from the live one in {}", tables(.0))]
    Different(Vec<Difference>),
    /// A newer version of the fold made the live generation.
    #[error(
        "version {live} of the fold made the live generation, this is version {}",
        fold::VERSION
    )]
    NewerFold {
        /// The version that made it.
        live: u32,
    },
    /// There is no generation to switch back to.
    #[error(
        "no earlier generation can be switched back to: it was dropped, or the schema or the fold \
         has changed since"
    )]
    NothingRetired,
    /// A migration has changed the live generation alone.
    #[error("the schema has changed meanwhile: the next rebuild starts from the beginning")]
    SchemaChanged,
    /// The tables cannot be switched while a session locks them.
    #[error("another session keeps the read models locked: {0}")]
    Busy(#[source] Cause),
    /// The log or the read models failed.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
}

fn progress(of: &Option<(i64, i64, i64)>) -> String {
    match of {
        Some((number, folded, target)) => {
            format!(": it has folded {folded} of {target} records into generation {number}")
        }
        None => String::new(),
    }
}

fn tables(differences: &[Difference]) -> String {
    differences.iter().map(|difference| difference.table).collect::<Vec<_>>().join(", ")
}

impl From<sqlx::Error> for RebuildError {
    fn from(error: sqlx::Error) -> Self {
        // Lock timeout, statement timeout, deadlock.
        let code = error.as_database_error().and_then(|error| error.code());
        match code.as_deref() {
            Some("55P03" | "57014" | "40P01") => Self::Busy(cause(error)),
            _ => Self::Projection(StoreError::from(error).into()),
        }
    }
}

impl From<LogMismatch> for RebuildError {
    fn from(mismatch: LogMismatch) -> Self {
        Self::Projection(mismatch.into())
    }
}

impl From<ReadError> for RebuildError {
    fn from(error: ReadError) -> Self {
        Self::Projection(error.into())
    }
}
