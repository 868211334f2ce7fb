//! Objects as files of a folder: the embedded default.
//!
//! `objects/<key>` holds the objects, `partial/` the files being written. Both are below one root, so that
//! a rename from one to the other is atomic. The files are readable by this user only. Browsers use
//! signed URLs, which the API serves after [`LocalStorage::verify`].
//!
//! One limit of a file system: a key that is a folder of another key (`a` beside `a/b`) cannot be stored.

mod listing;
mod signed_url;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use domain::Timestamp;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio_util::io::ReaderStream;

use super::partial::{PartialDir, blocking, create_private_dir, disk_error};
use super::{ByteStream, ObjectInfo, ObjectKey, ObjectStorage, StorageError};

pub use signed_url::SignedUrlError;

const READ_BUFFER_BYTES: usize = 64 * 1024;

/// The local adapter.
pub struct LocalStorage {
    objects: PathBuf,
    partial: PartialDir,
    public_url: String,
    signer: signed_url::Signer,
}

impl LocalStorage {
    /// Opens the store below `media_root`. Creates its folders if they do not exist.
    ///
    /// `public_url` is the URL of the API for browsers, such as `http://127.0.0.1:8080`; it must serve
    /// `/media/{key}`. URLs are signed with a key derived from `secret`.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] if the folders cannot be created.
    pub fn open(
        media_root: impl Into<PathBuf>,
        public_url: &str,
        secret: &[u8],
    ) -> Result<Self, StorageError> {
        let root = media_root.into();
        let root = std::path::absolute(&root).map_err(disk_error(&root))?;
        let objects = root.join("objects");
        create_private_dir(&objects).map_err(disk_error(&objects))?;
        Ok(Self {
            partial: PartialDir::open(root.join("partial"))?,
            objects,
            public_url: public_url.trim_end_matches('/').to_owned(),
            signer: signed_url::Signer::new(secret),
        })
    }

    /// The file to serve for `/media/{key}?expires={expires}&signature={signature}`. The file need not
    /// exist: the object may have been deleted.
    ///
    /// # Errors
    /// [`SignedUrlError`] if the signature is wrong or the URL has expired at `now`.
    pub fn verify(
        &self,
        key: &str,
        expires: u64,
        signature: &str,
        now: Timestamp,
    ) -> Result<PathBuf, SignedUrlError> {
        let key = ObjectKey::parse(key).ok_or(SignedUrlError::Forged)?;
        self.signer.verify(&key, expires, signature, now)?;
        Ok(self.path_of(&key))
    }

    /// The path is inside `objects`: an [`ObjectKey`] has no `..`, no empty segment and no root.
    fn path_of(&self, key: &ObjectKey) -> PathBuf {
        self.objects.join(key.as_str())
    }
}

#[async_trait]
impl ObjectStorage for LocalStorage {
    /// Does not store the type: [`super::content_type_of`] derives it from the key.
    async fn put(
        &self,
        key: &ObjectKey,
        _content_type: &str,
        body: ByteStream,
    ) -> Result<u64, StorageError> {
        let written = self.partial.write(body).await?;
        written.persist(self.path_of(key), self.objects.clone()).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<ByteStream, StorageError> {
        let path = self.path_of(key);
        let opened = blocking({
            let path = path.clone();
            move || {
                let file = fs::File::open(path)?;
                Ok(file.metadata()?.is_file().then_some(file))
            }
        });
        match opened.await {
            Ok(Some(file)) => {
                let file = tokio::fs::File::from_std(file);
                Ok(ReaderStream::with_capacity(file, READ_BUFFER_BYTES).boxed())
            }
            Ok(None) => Err(StorageError::NotFound(key.clone())),
            Err(error) if listing::is_absent(&error) => Err(StorageError::NotFound(key.clone())),
            Err(error) => Err(disk_error(&path)(error)),
        }
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StorageError> {
        let path = self.path_of(key);
        match tokio::fs::remove_file(&path).await {
            Ok(()) => Ok(()),
            Err(error) if listing::is_absent(&error) => Ok(()),
            // A folder that holds other keys is no object.
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(()),
            Err(error) => Err(disk_error(&path)(error)),
        }
    }

    async fn url(&self, key: &ObjectKey, valid_for: Duration) -> Result<String, StorageError> {
        let query = self.signer.query(key, SystemTime::now().into(), valid_for);
        Ok(format!("{}/media/{key}?{query}", self.public_url))
    }

    async fn list(
        &self,
        prefix: &str,
    ) -> Result<BoxStream<'static, Result<ObjectInfo, StorageError>>, StorageError> {
        if !ObjectKey::may_start_with(prefix) {
            return Ok(stream::empty().boxed());
        }
        Ok(listing::list(self.objects.clone(), prefix.to_owned()))
    }

    async fn sweep_partial(&self, older_than: Duration) -> Result<u64, StorageError> {
        self.partial.sweep(older_than).await
    }

    async fn check(&self) -> Result<(), StorageError> {
        self.partial.check().await
    }
}
