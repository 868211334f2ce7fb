//! Finishing a resumable upload: its pieces become an original, and the original a video.

use std::io;
use std::sync::Arc;

use domain::EventId;
use futures_util::{StreamExt, TryStreamExt, stream};
use infra::object_storage::{ByteStream, ObjectKey, ObjectStorage};

use super::error::ResumableError;
use super::upload::ResumableUpload;
use super::uploads_table;
use crate::commands::Commands;
use crate::context::CommandContext;
use crate::error::{CommandError, StoreOriginalError};
use crate::original::StoredOriginal;
use crate::upload::{NewVideo, video_of};

impl Commands {
    /// Enters the video of a whole upload into the contest. Every call appends the same event, whose
    /// id derives from the upload's, so the video is entered once.
    pub(super) async fn finish_if_whole(
        &self,
        context: &CommandContext,
        upload: ResumableUpload,
    ) -> Result<ResumableUpload, ResumableError> {
        if !upload.is_whole() || upload.video.is_some() {
            return Ok(upload);
        }
        match self.enter_video(context, &upload).await {
            // Another process may have finished the upload and removed the pieces meanwhile.
            Err(ResumableError::Command(error @ CommandError::Unavailable(_))) => {
                match self.find_upload(upload.owner, upload.id).await? {
                    finished if finished.video.is_some() => Ok(finished),
                    _ => Err(error.into()),
                }
            }
            Err(
                error @ (ResumableError::NotAVideo
                | ResumableError::Command(CommandError::Rejected(_))),
            ) => {
                self.delete_upload(&upload).await?;
                Err(error)
            }
            entered => entered,
        }
    }

    async fn enter_video(
        &self,
        context: &CommandContext,
        upload: &ResumableUpload,
    ) -> Result<ResumableUpload, ResumableError> {
        // Fails before the pieces are copied: clients keep asking while the log is unavailable.
        self.log_end_offsets().await?;
        let original = self.join_pieces(upload).await?;
        let new = NewVideo {
            title: upload.title.clone(),
            description: upload.description.clone(),
            original,
        };
        let event_id = EventId::derived(upload.id.0, "upload");
        self.enter(context, event_id, upload.owner, new).await?;
        let video = video_of(event_id);
        let pool = &self.inner.dependencies.pool;
        let finished = uploads_table::finish(pool, upload.id, video).await?;
        self.remove_pieces(&upload.piece_keys()).await;
        Ok(finished.unwrap_or_else(|| ResumableUpload { video: Some(video), ..upload.clone() }))
    }

    /// Stores the joined pieces like an upload in one request.
    async fn join_pieces(
        &self,
        upload: &ResumableUpload,
    ) -> Result<StoredOriginal, ResumableError> {
        let storage = Arc::clone(&self.inner.dependencies.storage);
        let pieces = joined(storage, upload.piece_keys());
        let original = match self.store_original(pieces, upload.length).await {
            Ok(original) => original,
            Err(StoreOriginalError::NotAVideo) => return Err(ResumableError::NotAVideo),
            Err(
                error @ (StoreOriginalError::TooLarge { .. }
                | StoreOriginalError::Body(_)
                | StoreOriginalError::Storage(_)),
            ) => return Err(CommandError::unavailable(error).into()),
        };
        let bytes = original.facts().bytes;
        if bytes != upload.length {
            let what = format!("upload {} has {bytes} bytes, not {}", upload.id, upload.length);
            return Err(CommandError::internal(what).into());
        }
        Ok(original)
    }
}

/// The bytes of the objects, one after the other.
fn joined(storage: Arc<dyn ObjectStorage>, keys: Vec<ObjectKey>) -> ByteStream {
    let read = move |key| {
        let storage = Arc::clone(&storage);
        async move { storage.get(&key).await.map_err(io::Error::other) }
    };
    stream::iter(keys).then(read).try_flatten().boxed()
}
