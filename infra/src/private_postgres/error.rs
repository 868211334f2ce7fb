//! Why there is no private server.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no private server; one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum PrivatePostgresError {
    /// The server's programs were not found.
    #[error(
        "PostgreSQL is not installed: no `initdb` in PG_BIN, /usr/lib/postgresql/*/bin or PATH"
    )]
    NotInstalled,
    /// The folder cannot be created or used.
    #[error("the data folder {path} cannot be used: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// `initdb` or `postgres` failed.
    #[error("{program} failed: {output}")]
    Failed {
        /// The program.
        program: &'static str,
        /// What it printed, or how it ended.
        output: String,
    },
}

/// Turns an error of the file system at `path` into one of the server.
pub(super) fn folder(path: &Path) -> impl Fn(io::Error) -> PrivatePostgresError {
    let path = path.to_owned();
    move |source| PrivatePostgresError::Folder { path: path.clone(), source }
}
