//! DATA_DIR: who may use it, and the key kept in it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use infra::config::{Secret, SecretKey};

/// Held by the one process that starts and stops what lives in DATA_DIR. The kernel lets go of it
/// when the process ends, however it ends.
pub(crate) struct DataDirLock {
    _file: File,
}

impl DataDirLock {
    /// Makes the folder if need be, and becomes its owner; `None` if somebody else is.
    pub(crate) fn try_take(data_dir: &Path) -> Result<Option<Self>> {
        let shown = data_dir.display();
        fs::create_dir_all(data_dir).with_context(|| format!("{shown} cannot be made"))?;
        let path = data_dir.join("lock");
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.with_context(|| format!("{shown} cannot be written"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("{shown} cannot be locked"))
            }
        }
    }

    /// As [`Self::try_take`], but somebody else is an error.
    pub(crate) fn take(data_dir: &Path) -> Result<Self> {
        match Self::try_take(data_dir)? {
            Some(lock) => Ok(lock),
            None => bail!(
                "another anb is using {}: stop it first, or choose another DATA_DIR",
                data_dir.display()
            ),
        }
    }
}

/// The key of this folder, made once. Readable by this user alone.
pub(crate) fn secret_key(data_dir: &Path) -> Result<SecretKey> {
    let path = data_dir.join("secret_key");
    let shown = path.display();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_key(&path).with_context(|| format!("{shown} cannot be written"))?
        }
        Err(error) => return Err(error).with_context(|| format!("{shown} cannot be read")),
    };
    SecretKey::parse(Secret::new(text.trim())).with_context(|| format!("{shown} is damaged"))
}

/// Written beside and renamed, so that a power cut leaves a whole key or none.
fn make_key(path: &Path) -> io::Result<String> {
    let key = hex::encode(rand::random::<[u8; 32]>());
    let beside = path.with_extension("new");
    let mut file =
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&beside)?;
    writeln!(file, "{key}")?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_has_one_owner() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("a/b");
        let first = DataDirLock::take(&data_dir).unwrap();
        assert!(DataDirLock::try_take(&data_dir).unwrap().is_none());
        drop(first);
        assert!(DataDirLock::try_take(&data_dir).unwrap().is_some());
    }

    #[test]
    fn a_key_is_made_once_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let key = secret_key(folder.path()).unwrap();
        assert_eq!(key.expose().len(), 64);
        assert_eq!(secret_key(folder.path()).unwrap(), key);
        let mode = fs::metadata(folder.path().join("secret_key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_key_is_refused_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret_key"), "half").unwrap();
        let error = format!("{:#}", secret_key(folder.path()).unwrap_err());
        assert!(error.contains("secret_key is damaged"), "{error}");
    }
}
