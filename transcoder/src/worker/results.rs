//! The objects that a job leaves in the store.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use bytes::Bytes;
use domain::event::{FailureReason, Processed};
use domain::{VideoId, object_keys};
use futures_util::StreamExt;
use infra::error_chain::error_chain;
use infra::object_storage::{ByteStream, ObjectKey, ObjectStorage, StorageError, content_type_of};
use tokio_util::io::ReaderStream;

use crate::failure::Failure;
use crate::finished_video::{FinishedVideo, MAX_RESULT_BYTES, Variant};
use crate::hls;
use crate::pipeline::{POSTER_FILE, VIDEO_FILE};

/// The results of one video. Keys derive from the video, so every attempt writes the same objects.
pub(super) struct Results<'a> {
    pub(super) storage: &'a dyn ObjectStorage,
    pub(super) video: VideoId,
}

impl Results<'_> {
    /// Stores what the child left in `folder`.
    pub(super) async fn store(
        &self,
        folder: &Path,
        finished: &FinishedVideo,
    ) -> Result<Processed, Failure> {
        let (video, poster) = (self.video_key()?, self.poster_key()?);
        self.store_file(&poster, &folder.join(POSTER_FILE)).await?;
        let bytes = self.store_file(&video, &folder.join(VIDEO_FILE)).await?;
        Ok(Processed {
            processed_key: video.to_string(),
            poster_key: poster.to_string(),
            hls_key: self.store_stream(folder, finished).await?,
            duration_ms: finished.duration_ms,
            width: finished.width,
            height: finished.height,
            bytes,
        })
    }

    /// Stores the adaptive stream, if there is one. The master playlist comes last, when all objects
    /// that it names exist.
    async fn store_stream(
        &self,
        folder: &Path,
        finished: &FinishedVideo,
    ) -> Result<Option<String>, Failure> {
        if finished.variants.is_empty() {
            return Ok(None);
        }
        let key = |name: &str| parse_key(&format!("{}{name}", object_keys::hls_folder(self.video)));
        for variant in &finished.variants {
            let file = Variant::file_name(variant.height);
            self.store_file(&key(&file)?, &folder.join(&file)).await?;
            let playlist = key(&hls::media_playlist_name(variant))?;
            self.store_text(&playlist, hls::media_playlist(variant)).await?;
        }
        let master = key(hls::MASTER_PLAYLIST)?;
        self.store_text(&master, hls::master_playlist(finished)).await?;
        Ok(Some(master.to_string()))
    }

    async fn store_text(&self, key: &ObjectKey, text: String) -> Result<u64, Failure> {
        self.put(key, futures_util::stream::iter([Ok(Bytes::from(text))]).boxed()).await
    }

    async fn store_file(&self, key: &ObjectKey, path: &Path) -> Result<u64, Failure> {
        let file = tokio::fs::File::from_std(open_result(path)?);
        self.put(key, ReaderStream::new(file).boxed()).await
    }

    async fn put(&self, key: &ObjectKey, body: ByteStream) -> Result<u64, Failure> {
        self.storage.put(key, content_type_of(key), body).await.map_err(of_storage)
    }

    /// Removes the results of a video that was deleted. The sweep removes what remains.
    pub(super) async fn remove(&self) {
        for key in [self.video_key(), self.poster_key()].into_iter().flatten() {
            if let Err(error) = self.storage.delete(&key).await {
                let error = error_chain(&error);
                tracing::warn!(video_id = %self.video, %key, error, "a result was not removed");
            }
        }
        if let Err(error) = self.storage.delete_all(&object_keys::hls_folder(self.video)).await {
            let error = error_chain(&error);
            tracing::warn!(video_id = %self.video, error, "an adaptive stream was not removed");
        }
    }

    fn video_key(&self) -> Result<ObjectKey, Failure> {
        parse_key(&object_keys::processed(self.video))
    }

    fn poster_key(&self) -> Result<ObjectKey, Failure> {
        parse_key(&object_keys::poster(self.video))
    }
}

pub(super) fn parse_key(key: &str) -> Result<ObjectKey, Failure> {
    ObjectKey::parse(key).ok_or_else(|| Failure::internal(format!("`{key}` is no object key")))
}

/// An untrusted file may control the child: a link that it left is not followed, and opening a pipe
/// does not block.
fn open_result(path: &Path) -> Result<File, Failure> {
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(Failure::of_disk)?;
    let metadata = file.metadata().map_err(Failure::of_disk)?;
    if !metadata.is_file() || metadata.len() > MAX_RESULT_BYTES {
        return Err(Failure::internal("the child's result is no regular file, or too large"));
    }
    Ok(file)
}

pub(super) fn of_storage(error: StorageError) -> Failure {
    Failure::caused_by(FailureReason::StorageUnavailable, "the object store failed", error)
}
