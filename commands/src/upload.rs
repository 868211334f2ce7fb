//! Entering a video into the contest, once its original is in storage.

use domain::event::Uploaded;
use domain::{AccountId, Event, EventId, Rejection, Timestamp, Verdict, VideoEvent, VideoId};
use infra::event_log::AppendError;
use ports::read_models::{AbandonedVideo, UploadFacts};
use uuid::Uuid;

use crate::answer::Answer;
use crate::commands::Commands;
use crate::context::CommandContext;
use crate::error::CommandError;
use crate::original::StoredOriginal;

/// A video to enter into the contest.
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
    /// When the log appended the upload.
    pub uploaded_at: Timestamp,
}

impl Commands {
    /// Enters a video into the contest; the transcoder processes it next.
    ///
    /// # Errors
    /// [`Rejection::AccountErased`] if the owner's account is erased; [`CommandError::KeyReused`] if
    /// the key was used for another upload; or another [`CommandError`]. The original is removed,
    /// unless an event in the log may name it.
    pub async fn upload(
        &self,
        context: &CommandContext,
        actor: AccountId,
        new: NewVideo,
    ) -> Result<Answer<UploadedVideo>, CommandError> {
        self.enter(context, context.event_id(actor.0, "upload", ""), actor, new).await
    }

    /// Enters a video under a given event id. A second call with that id finds the first one's video.
    pub(crate) async fn enter(
        &self,
        context: &CommandContext,
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
        // A client that disconnects drops this request, but not an append that has begun.
        original.keep();
        let verdict = match self.submit(context.envelope(event_id, Some(actor), event)).await {
            Ok(Answer::Done(verdict)) => verdict,
            Ok(Answer::Pending(token)) => return Ok(Answer::Pending(token)),
            // If the event was not appended, the sweep finds the object.
            Err(error @ AppendError::Unknown(_)) => return Err(error.into()),
            Err(error @ (AppendError::TooLarge { .. } | AppendError::Unavailable(_))) => {
                original.discard();
                return Err(error.into());
            }
        };
        if let Verdict::Rejected(rejection) = verdict {
            original.discard();
            return Err(rejection.into());
        }
        let facts = self.inner.dependencies.read_models.video(video_id).await?;
        let first = facts.ok_or_else(CommandError::rebuilding)?.upload;
        if first.original_key != uploaded.original_key {
            // This is a retry: the video has the original of the first try.
            original.discard();
            if !is_same_upload(&first, &uploaded) {
                return Err(CommandError::KeyReused);
            }
        }
        self.withdraw_if_owner_erased(actor, video_id).await?;
        Ok(Answer::Done(UploadedVideo { video_id, uploaded_at: first.uploaded_at }))
    }

    /// An erasure before this lookup is seen here; a later erasure sees the video. So every video of
    /// an erased account is withdrawn.
    async fn withdraw_if_owner_erased(
        &self,
        owner: AccountId,
        video: VideoId,
    ) -> Result<(), CommandError> {
        let owner_facts = self.inner.dependencies.read_models.account(owner).await?;
        let Some(owner_erased_by) = owner_facts.and_then(|facts| facts.erased_by) else {
            return Ok(());
        };
        self.withdraw(&AbandonedVideo { video, owner, owner_erased_by }).await;
        Err(Rejection::AccountErased.into())
    }
}

/// The id of the video that an upload creates.
pub(crate) fn video_of(event_id: EventId) -> VideoId {
    VideoId(Uuid::new_v5(&event_id.0, b"video"))
}

/// Whether the first upload under an event id and a retry are one request. They are compared by what
/// the upload event says; the key of the original differs with every try. An event that changes a title
/// must therefore leave [`UploadFacts`] as they are, and keep the new title elsewhere.
fn is_same_upload(first: &UploadFacts, retry: &Uploaded) -> bool {
    first.title == retry.title
        && first.description == retry.description
        && first.content_type == retry.content_type
        && first.sha256 == retry.sha256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_is_the_same_upload_if_the_first_upload_event_says_the_same() {
        let first = UploadFacts {
            title: "My song".to_owned(),
            description: None,
            original_key: "originals/1.mp4".to_owned(),
            content_type: "video/mp4".to_owned(),
            sha256: "ab".repeat(32),
            uploaded_by: EventId(Uuid::nil()),
            uploaded_at: Timestamp::UNIX_EPOCH,
        };
        let retry = Uploaded {
            video_id: VideoId(Uuid::nil()),
            owner: AccountId(Uuid::nil()),
            title: first.title.clone(),
            description: None,
            original_key: "originals/2.mp4".to_owned(),
            bytes: 1,
            content_type: first.content_type.clone(),
            sha256: first.sha256.clone(),
        };
        assert!(is_same_upload(&first, &retry));
        for other in [
            Uploaded { title: "Another".to_owned(), ..retry.clone() },
            Uploaded { description: Some("Live".to_owned()), ..retry.clone() },
            Uploaded { content_type: "video/webm".to_owned(), ..retry.clone() },
            Uploaded { sha256: "cd".repeat(32), ..retry },
        ] {
            assert!(!is_same_upload(&first, &other), "{other:?}");
        }
    }
}
