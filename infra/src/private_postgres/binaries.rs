//! Finds PostgreSQL's programs.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::PrivatePostgresError;

const DEBIAN_FOLDER: &str = "/usr/lib/postgresql";

pub(super) struct Binaries {
    pub(super) initdb: PathBuf,
    pub(super) postgres: PathBuf,
}

impl Binaries {
    /// The programs in `PG_BIN`, else the newest version of Debian's packages, else those in `PATH`.
    pub(super) fn find() -> Result<Self, PrivatePostgresError> {
        let named = env::var_os("PG_BIN").map(PathBuf::from).into_iter();
        let path = env::var_os("PATH").unwrap_or_default();
        named
            .chain(debian_newest_first())
            .chain(env::split_paths(&path))
            .find_map(|folder| Self::in_folder(&folder))
            .ok_or(PrivatePostgresError::NotInstalled)
    }

    fn in_folder(folder: &Path) -> Option<Self> {
        let found = Self { initdb: folder.join("initdb"), postgres: folder.join("postgres") };
        (found.initdb.is_file() && found.postgres.is_file()).then_some(found)
    }
}

fn debian_newest_first() -> Vec<PathBuf> {
    let entries = fs::read_dir(DEBIAN_FOLDER).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, folder)| folder).collect()
}
