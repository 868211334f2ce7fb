//! DATA_DIR: its lock, and the secret key stored in it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use infra::config::{Secret, SecretKey};

/// The lock of the process that starts and stops the services in DATA_DIR. The kernel releases it when
/// the process ends, even after a crash.
pub(crate) struct DataDirLock {
    _file: File,
}

impl DataDirLock {
    /// Creates the folder if it is missing, and locks it. Returns `None` if another process holds the lock.
    pub(crate) fn try_take(data_dir: &Path) -> Result<Option<Self>> {
        let shown = data_dir.display();
        fs::create_dir_all(data_dir).with_context(|| format!("{shown} cannot be created"))?;
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

    /// As [`Self::try_take`], but fails if another process holds the lock.
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

/// The secret key of this folder. The first call creates it; only this user can read it.
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

/// Writes the key to a temporary file and renames it, so a power cut leaves a whole key or none.
fn make_key(path: &Path) -> io::Result<String> {
    let key = hex::encode(rand::random::<[u8; 32]>());
    let temporary = path.with_extension("new");
    let mut file =
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
    writeln!(file, "{key}")?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_locked_folder_cannot_be_locked_again() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("a/b");
        let first = DataDirLock::take(&data_dir).unwrap();
        assert!(DataDirLock::try_take(&data_dir).unwrap().is_none());
        drop(first);
        assert!(DataDirLock::try_take(&data_dir).unwrap().is_some());
    }

    #[test]
    fn a_key_is_created_once_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let key = secret_key(folder.path()).unwrap();
        assert_eq!(key.expose().len(), 64);
        assert_eq!(secret_key(folder.path()).unwrap(), key);
        let mode = fs::metadata(folder.path().join("secret_key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_key_is_an_error_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret_key"), "half").unwrap();
        let error = format!("{:#}", secret_key(folder.path()).unwrap_err());
        assert!(error.contains("secret_key is damaged"), "{error}");
    }
}
