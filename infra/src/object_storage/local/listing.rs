//! Lists the objects in a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;

use crate::object_storage::partial::disk_error;
use crate::object_storage::{ObjectInfo, ObjectKey, StorageError};

/// Objects that the walk may find before the reader takes them.
const CHANNEL_CAPACITY: usize = 64;

type Item = Result<ObjectInfo, StorageError>;

/// The objects below `root` whose key starts with `prefix`. A key must be able to start with `prefix`;
/// another prefix might leave `root`.
pub(super) fn list(root: PathBuf, prefix: String) -> BoxStream<'static, Item> {
    let start = starting_folder(&root, &prefix);
    let (sender, receiver) = mpsc::channel(CHANNEL_CAPACITY);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = walk(&root, start, &prefix, &sender) {
            // Fails if the reader was dropped; then the error does not matter.
            let _ = sender.blocking_send(Err(disk_error(&root)(error)));
        }
    });
    stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|item| (item, receiver))
    })
    .boxed()
}

/// The deepest folder that holds all keys with this prefix.
fn starting_folder(root: &Path, prefix: &str) -> PathBuf {
    prefix.rsplit_once('/').map_or_else(|| root.to_owned(), |(folder, _)| root.join(folder))
}

/// Sends the objects that it finds, until the reader is dropped.
fn walk(root: &Path, start: PathBuf, prefix: &str, found: &mpsc::Sender<Item>) -> io::Result<()> {
    let mut folders = vec![start];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if is_absent(&error) => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
                continue;
            }
            let Some(info) = describe(root, &entry)? else { continue };
            if info.key.as_str().starts_with(prefix) && found.blocking_send(Ok(info)).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// `None` if the entry is no object or was removed meanwhile.
fn describe(root: &Path, entry: &fs::DirEntry) -> io::Result<Option<ObjectInfo>> {
    let path = entry.path();
    let key = path.strip_prefix(root).ok().and_then(Path::to_str).and_then(ObjectKey::parse);
    let Some(key) = key else { return Ok(None) };
    let metadata = match entry.metadata() {
        Err(error) if is_absent(&error) => return Ok(None),
        metadata => metadata?,
    };
    let modified_at = metadata.modified()?.into();
    Ok(metadata.is_file().then_some(ObjectInfo { key, bytes: metadata.len(), modified_at }))
}

/// Whether the error means that there is no such file.
pub(super) fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename)
}
