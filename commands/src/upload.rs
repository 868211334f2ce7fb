//! Uploading a video, once its original is in storage.

use domain::event::Uploaded;
use domain::{AccountId, Event, EventId, Rejection, Timestamp, Verdict, VideoEvent, VideoId};
use infra::event_log::AppendError;
use ports::read_models::{AbandonedVideo, VideoFacts};
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
    /// [`Rejection::AccountErased`] if its owner has left meanwhile, [`CommandError::KeyReused`] if an
    /// earlier video was entered under the key, or what [`CommandError`] says. The original is removed,
    /// unless it may be in the log.
    pub async fn upload(
        &self,
        context: &Context,
        actor: AccountId,
        new: NewVideo,
    ) -> Result<Answer<UploadedVideo>, CommandError> {
        self.enter(context, context.event_id(actor.0, "upload", ""), actor, new).await
    }

    /// The same under an event id that is known already: whoever comes again with it finds the video
    /// that the first has entered.
    pub(crate) async fn enter(
        &self,
        context: &Context,
        event_id: EventId,
        actor: AccountId,
        new: NewVideo,
    ) -> Result<Answer<UploadedVideo>, CommandError> {
        let video_id = video_of(event_id);
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
        let event = Event::Video(video_id, VideoEvent::Uploaded(uploaded.clone()));
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
        let facts = self
            .inner
            .parts
            .read_models
            .video(video_id)
            .await?
            .ok_or_else(CommandError::rebuilding)?;
        if facts.original_key != uploaded.original_key {
            // A retry finds the video that its first try has entered, with the original of that one.
            original.discard();
            if !is_same(&facts, &uploaded) {
                return Err(CommandError::KeyReused);
            }
        }
        self.withdraw_if_owner_left(actor, video_id).await?;
        Ok(Answer::Done(UploadedVideo { video_id, uploaded_at: facts.uploaded_at }))
    }

    /// An erasure that came before this question is seen here; one that comes after it sees the
    /// video. So no video slips through between the two.
    async fn withdraw_if_owner_left(
        &self,
        owner: AccountId,
        video: VideoId,
    ) -> Result<(), CommandError> {
        let owner_facts = self.inner.parts.read_models.account(owner).await?;
        let Some(owner_erased_by) = owner_facts.and_then(|facts| facts.erased_by) else {
            return Ok(());
        };
        self.withdraw(&AbandonedVideo { video, owner, owner_erased_by }).await;
        Err(Rejection::AccountErased.into())
    }
}

/// The video that an upload makes.
pub(crate) fn video_of(event_id: EventId) -> VideoId {
    VideoId(Uuid::new_v5(&event_id.0, b"video"))
}

/// Whether a video was entered by the same request. Its original lies under another key each time.
fn is_same(facts: &VideoFacts, uploaded: &Uploaded) -> bool {
    facts.title == uploaded.title
        && facts.description == uploaded.description
        && facts.content_type == uploaded.content_type
        && facts.sha256 == uploaded.sha256
}
