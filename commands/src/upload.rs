//! Uploading a video, once its original is in storage.

use domain::event::Uploaded;
use domain::{AccountId, Event, Timestamp, Verdict, VideoEvent, VideoId};
use infra::event_log::AppendError;
use uuid::Uuid;

use crate::{Answer, CommandError, Commands, Context, StoredOriginal};

/// A video to be entered into the contest.
pub struct NewVideo {
    /// Its title.
    pub title: String,
    /// Its description, if there is one.
    pub description: Option<String>,
    /// The original.
    pub original: StoredOriginal,
}

/// A video that has been entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadedVideo {
    /// Its id.
    pub video_id: VideoId,
    /// When the log took it.
    pub uploaded_at: Timestamp,
}

impl Commands {
    /// Enters a video into the contest; it waits for the transcoder then.
    ///
    /// # Errors
    /// What [`CommandError`] says. The original is removed, unless it may be in the log.
    pub async fn upload(
        &self,
        context: &Context,
        actor: AccountId,
        new: NewVideo,
    ) -> Result<Answer<UploadedVideo>, CommandError> {
        let event_id = context.event_id(actor.0, "upload", "");
        let video_id = VideoId(Uuid::new_v5(&event_id.0, b"video"));
        let NewVideo { title, description, mut original } = new;
        let facts = original.facts();
        let uploaded = Uploaded {
            video_id,
            owner: actor,
            title,
            description,
            original_key: original.key().to_string(),
            bytes: facts.bytes,
            content_type: facts.content_type.to_owned(),
            sha256: facts.sha256.clone(),
        };
        let event = Event::Video(video_id, VideoEvent::Uploaded(uploaded));
        // A client that hangs up drops this request where it stands, but not the event on its way.
        original.keep();
        let verdict = match self.decide(context.envelope(event_id, Some(actor), event)).await {
            Ok(Answer::Done(verdict)) => verdict,
            Ok(Answer::Pending(token)) => return Ok(Answer::Pending(token)),
            // If the event never made it, the sweep finds the object.
            Err(AppendError::Unknown(reason)) => return Err(AppendError::Unknown(reason).into()),
            Err(error) => {
                original.discard();
                return Err(error.into());
            }
        };
        if let Verdict::Rejected(rejection) = verdict {
            original.discard();
            return Err(rejection.into());
        }
        self.accepted(video_id, original).await.map(Answer::Done)
    }

    /// A retry finds the video that its first try has entered, with the original of that one.
    async fn accepted(
        &self,
        video_id: VideoId,
        original: StoredOriginal,
    ) -> Result<UploadedVideo, CommandError> {
        let facts = self.inner.parts.read_models.video(video_id).await?.ok_or_else(|| {
            CommandError::Unavailable("the read models are being rebuilt".to_owned())
        })?;
        if facts.original_key != original.key().as_str() {
            original.discard();
        }
        Ok(UploadedVideo { video_id, uploaded_at: facts.uploaded_at })
    }
}
