//! Why there is no new generation.

use domain::fold;
use infra::event_log::ReadError;

use crate::checksum::Difference;
use crate::projector::ProjectionError;
use crate::store::postgres::from_sqlx;

/// Why a rebuild did not happen, or did not finish.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RebuildError {
    /// There can be only one.
    #[error("another rebuild is running{}", progress(.0))]
    Running(Option<(i64, i64, i64)>),
    /// What was built is not what is live.
    #[error("the next generation differs from the live one in {}", tables(.0))]
    Different(Vec<Difference>),
    /// A newer version's read models are not for this one to replace.
    #[error(
        "version {live} of the fold made the live generation, this is version {}",
        fold::VERSION
    )]
    NewerFold {
        /// The version that made what is live.
        live: u32,
    },
    /// There is no generation to switch back to.
    #[error(
        "no earlier generation can be switched back to: it was dropped, or the schema or the fold \
         has changed since"
    )]
    NothingRetired,
    /// A migration has changed the live generation alone.
    #[error("the schema has changed meanwhile: the next rebuild begins anew")]
    SchemaChanged,
    /// Tables cannot change places while somebody holds on to them.
    #[error("the read models are in use by somebody who does not let go: {0}")]
    Busy(String),
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
        // A lock or a statement that took too long, or a deadlock.
        let code = error.as_database_error().and_then(|error| error.code());
        match code.as_deref() {
            Some("55P03" | "57014" | "40P01") => Self::Busy(error.to_string()),
            _ => Self::Projection(from_sqlx(error).into()),
        }
    }
}

impl From<ReadError> for RebuildError {
    fn from(error: ReadError) -> Self {
        Self::Projection(error.into())
    }
}
