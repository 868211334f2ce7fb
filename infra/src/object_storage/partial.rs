//! Partial files: both adapters write a body to a file first.
//!
//! So memory holds one chunk per write, even for a large object from a slow client. A body that fails
//! never reaches the store. The local adapter then renames the file; the S3 adapter uploads it.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use super::{ByteStream, StorageError};

/// Below this many free bytes the disk counts as full. An upload of the default maximum size (10 MiB)
/// might not fit.
const MIN_FREE_BYTES: u64 = 16 * 1024 * 1024;

/// The folder of partial files.
#[derive(Clone, Debug)]
pub(super) struct PartialDir {
    path: PathBuf,
}

impl PartialDir {
    /// Opens the folder. Creates it, readable by this user only, if it does not exist.
    pub(super) fn open(path: PathBuf) -> Result<Self, StorageError> {
        create_private_dir(&path).map_err(disk_error(&path))?;
        Ok(Self { path })
    }

    /// Writes a body to a file. Removes the file if the body or the disk fails or the call is dropped.
    pub(super) async fn write(&self, mut body: ByteStream) -> Result<PartialFile, StorageError> {
        let dir = self.path.clone();
        let mut partial =
            blocking(move || PartialFile::create(&dir)).await.map_err(disk_error(&self.path))?;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(StorageError::Body)?;
            partial.append(&chunk).await?;
        }
        partial.finish().await?;
        Ok(partial)
    }

    /// Removes files that were last written longer than `older_than` ago, and so spares slow writes that
    /// are still under way. Returns how many.
    pub(super) async fn sweep(&self, older_than: Duration) -> Result<u64, StorageError> {
        let dir = self.path.clone();
        blocking(move || remove_older(&dir, older_than)).await.map_err(disk_error(&self.path))
    }

    /// Checks that a file can be created here and that the disk has room.
    pub(super) async fn check(&self) -> Result<(), StorageError> {
        let dir = self.path.clone();
        let free = blocking(move || {
            PartialFile::create(&dir)?;
            let disk = rustix::fs::statvfs(&dir)?;
            Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
        })
        .await
        .map_err(disk_error(&self.path))?;
        if free < MIN_FREE_BYTES {
            return Err(disk_error(&self.path)(io::ErrorKind::StorageFull.into()));
        }
        Ok(())
    }
}

/// A file that is not yet an object. Dropping it removes the file.
#[derive(Debug)]
pub(super) struct PartialFile {
    path: PathBuf,
    file: tokio::fs::File,
    bytes: u64,
}

impl PartialFile {
    /// Creates the file and its guard in one step, so that a dropped call leaves no file.
    fn create(dir: &Path) -> io::Result<Self> {
        let path = dir.join(Uuid::new_v4().to_string());
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { path, file: tokio::fs::File::from_std(file), bytes: 0 })
    }

    async fn append(&mut self, chunk: &[u8]) -> Result<(), StorageError> {
        self.file.write_all(chunk).await.map_err(disk_error(&self.path))?;
        self.bytes += chunk.len() as u64;
        Ok(())
    }

    /// Waits for the last write. `tokio::fs::File` reports its failure only at the next call.
    async fn finish(&mut self) -> Result<(), StorageError> {
        self.file.flush().await.map_err(disk_error(&self.path))
    }

    /// The path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes written so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Renames the file to `target` below `root` and replaces an existing file. The result is durable:
    /// a power cut after the call does not undo it. Returns its size in bytes.
    pub(super) async fn persist(self, target: PathBuf, root: PathBuf) -> Result<u64, StorageError> {
        self.file.sync_all().await.map_err(disk_error(&self.path))?;
        let bytes = self.bytes;
        let shown = target.clone();
        // The closure owns the guard and runs to its end even if this call is dropped. Otherwise the
        // guard could remove the file during the rename.
        blocking(move || {
            let folder = target.parent().unwrap_or(&root);
            create_private_dir(folder)?;
            fs::rename(&self.path, &target)?;
            sync_folders(folder, &root)
        })
        .await
        .map_err(disk_error(&shown))?;
        Ok(bytes)
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        match fs::remove_file(&self.path) {
            // It was renamed or swept.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "a partial file cannot be removed")
            }
            Ok(()) => {}
        }
    }
}

/// Creates a folder and its parents, readable by this user only.
pub(super) fn create_private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Runs file system work on a thread that may block. The work runs to its end even if the call is dropped.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// A fault of the file system, and where it happened.
#[derive(Debug, thiserror::Error)]
enum DiskError {
    #[error("the disk is full ({})", path.display())]
    Full { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Other { path: PathBuf, source: io::Error },
}

/// Turns a fault at `path` into one of the store.
pub(super) fn disk_error(path: &Path) -> impl FnOnce(io::Error) -> StorageError + use<> {
    let path = path.to_owned();
    move |source| {
        StorageError::unavailable(match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                DiskError::Full { path, source }
            }
            _ => DiskError::Other { path, source },
        })
    }
}

/// Syncs each folder up to `root`: a rename is durable only when its folder is, and a new folder only
/// when its parent is.
fn sync_folders(from: &Path, root: &Path) -> io::Result<()> {
    for folder in from.ancestors() {
        fs::File::open(folder)?.sync_all()?;
        if folder == root {
            break;
        }
    }
    Ok(())
}

fn remove_older(dir: &Path, older_than: Duration) -> io::Result<u64> {
    let now = SystemTime::now();
    let mut removed = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        // Its writer may have renamed or removed it meanwhile.
        let Ok(written) = entry.metadata().and_then(|metadata| metadata.modified()) else {
            continue;
        };
        let age = now.duration_since(written).unwrap_or_default();
        if age >= older_than && fs::remove_file(entry.path()).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::stream;

    use super::*;

    /// `/dev/full` answers every write with "no space left on device".
    #[tokio::test]
    async fn a_full_disk_is_reported_and_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut partial = PartialFile::create(dir.path()).unwrap();
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        partial.file = tokio::fs::File::from_std(full);

        let written = async {
            partial.append(&[7; 4096]).await?;
            partial.finish().await
        };
        let error = written.await.unwrap_err();

        assert!(matches!(&error, StorageError::Unavailable(_)), "{error:?}");
        assert!(error.to_string().contains("the disk is full"), "{error}");
        drop(partial);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_sweep_spares_recently_written_files() {
        let dir = tempfile::tempdir().unwrap();
        let partials = PartialDir::open(dir.path().join("partial")).unwrap();
        let body = stream::iter([Ok(Bytes::from_static(b"abc"))]).boxed();
        let partial = partials.write(body).await.unwrap();

        assert_eq!(partials.sweep(Duration::from_secs(60)).await.unwrap(), 0);
        assert!(partial.path().exists());
        assert_eq!(partials.sweep(Duration::ZERO).await.unwrap(), 1);
        assert!(!partial.path().exists());
    }
}
