//! The last byte has come: the pieces become an original, and the original a video.

use std::io;
use std::sync::Arc;

use domain::EventId;
use futures_util::{StreamExt, TryStreamExt, stream};
use infra::object_storage::{ByteStream, ObjectKey, ObjectStorage};

use super::{ResumableError, ResumableUpload, rows};
use crate::upload::video_of;
use crate::{CommandError, Commands, Context, NewVideo, StoreOriginalError, StoredOriginal};

impl Commands {
    /// Enters the video of an upload that is whole, once, however often and from wherever this is
    /// called: the event's id derives from the upload's, and the same event again changes nothing.
    pub(super) async fn finish_if_whole(
        &self,
        context: &Context,
        upload: ResumableUpload,
    ) -> Result<ResumableUpload, ResumableError> {
        if !upload.is_whole() || upload.video.is_some() {
            return Ok(upload);
        }
        match self.enter_video(context, &upload).await {
            // Another process may have been faster, and have removed the pieces under our hands.
            Err(ResumableError::Command(error @ CommandError::Unavailable(_))) => {
                match self.own_upload(upload.owner, upload.id).await? {
                    finished if finished.video.is_some() => Ok(finished),
                    _ => Err(error.into()),
                }
            }
            Err(
                error @ (ResumableError::NotAVideo
                | ResumableError::Command(CommandError::Rejected(_))),
            ) => {
                self.forget_upload(&upload).await?;
                Err(error)
            }
            entered => entered,
        }
    }

    async fn enter_video(
        &self,
        context: &Context,
        upload: &ResumableUpload,
    ) -> Result<ResumableUpload, ResumableError> {
        // Before the pieces are copied once more: clients ask again and again while the log is away.
        self.ends_of_the_log().await?;
        let original = self.join_pieces(upload).await?;
        let new = NewVideo {
            title: upload.title.clone(),
            description: upload.description.clone(),
            original,
        };
        let event_id = EventId::derived(upload.id.0, "upload");
        self.enter(context, event_id, upload.owner, new).await?;
        let video = video_of(event_id);
        let finished = rows::finish(&self.inner.parts.pool, upload.id, video).await?;
        self.remove_pieces(&upload.keys()).await;
        Ok(finished.unwrap_or_else(|| ResumableUpload { video: Some(video), ..upload.clone() }))
    }

    /// Through the same hands as an upload in one request.
    async fn join_pieces(
        &self,
        upload: &ResumableUpload,
    ) -> Result<StoredOriginal, ResumableError> {
        let pieces = joined(Arc::clone(&self.inner.parts.storage), upload.keys());
        let original = match self.store_original(pieces, upload.length).await {
            Ok(original) => original,
            Err(StoreOriginalError::NotAVideo) => return Err(ResumableError::NotAVideo),
            Err(error) => return Err(CommandError::Unavailable(error.to_string()).into()),
        };
        let bytes = original.facts().bytes;
        if bytes != upload.length {
            let what = format!("{} came to {bytes} bytes, not {}", upload.id, upload.length);
            return Err(CommandError::Internal(what).into());
        }
        Ok(original)
    }
}

/// The bytes of all these objects, one after the other.
fn joined(storage: Arc<dyn ObjectStorage>, keys: Vec<ObjectKey>) -> ByteStream {
    let read = move |key| {
        let storage = Arc::clone(&storage);
        async move { storage.get(&key).await.map_err(io::Error::other) }
    };
    stream::iter(keys).then(read).try_flatten().boxed()
}
