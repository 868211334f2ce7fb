//! Deleting a video.

use domain::event::Deleted;
use domain::{
    AccountId, Event, EventId, Rejection, Verdict, VideoEvent, VideoId, VideoStatus, object_keys,
};
use infra::object_storage::ObjectKey;
use ports::read_models::VideoFacts;

use crate::answer::Answer;
use crate::commands::Commands;
use crate::context::CommandContext;
use crate::error::CommandError;

impl Commands {
    /// Deletes a video and its files. Only its owner may, and only while it has no votes.
    ///
    /// # Errors
    /// [`Rejection::VideoUnknown`], [`Rejection::VideoDeleted`], [`Rejection::NotOwner`],
    /// [`Rejection::HasVotes`], or another [`CommandError`].
    pub async fn delete(
        &self,
        context: &CommandContext,
        actor: AccountId,
        video: VideoId,
    ) -> Result<Answer<()>, CommandError> {
        let event_id = context.event_id(actor.0, "delete", &video.to_string());
        self.inner.idempotency_keys.claim(context, actor, "delete", video)?;
        let facts = self.inner.dependencies.read_models.video(video).await?;
        reject_early(facts.as_ref(), actor, event_id)?;

        let event = Event::Video(video, VideoEvent::Deleted(Deleted { by: actor }));
        match self.submit(context.envelope(event_id, Some(actor), event)).await? {
            Answer::Pending(token) => Ok(Answer::Pending(token)),
            Answer::Done(Verdict::Rejected(rejection)) => Err(rejection.into()),
            Answer::Done(Verdict::Accepted { .. }) => {
                self.remove_files(video).await;
                Ok(Answer::Done(()))
            }
        }
    }

    /// Removes the files of a deleted video; the sweep removes what cannot be removed now. The keys
    /// are read after the verdict, so a result that was published meanwhile is removed, too.
    pub(crate) async fn remove_files(&self, video: VideoId) {
        let facts = match self.inner.dependencies.read_models.video(video).await {
            Ok(Some(facts)) => facts,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%video, %error, "files of a deleted video are left to the sweep");
                return;
            }
        };
        let keys = [Some(facts.upload.original_key), facts.processed_key, facts.poster_key];
        for key in keys.into_iter().flatten().filter_map(|key| ObjectKey::parse(&key)) {
            self.remove_file(video, &key).await;
        }
        let stream = object_keys::hls_folder(video);
        if let Err(error) = self.inner.dependencies.storage.delete_all(&stream).await {
            tracing::warn!(%video, %error, "an adaptive stream is left to the sweep");
        }
    }

    pub(crate) async fn remove_file(&self, video: VideoId, key: &ObjectKey) {
        if let Err(error) = self.inner.dependencies.storage.delete(key).await {
            tracing::warn!(%video, %key, %error, "a file is left to the sweep");
        }
    }
}

/// Rejects early what the fold would reject, except the retry of a deletion that took effect.
fn reject_early(
    facts: Option<&VideoFacts>,
    actor: AccountId,
    event_id: EventId,
) -> Result<(), Rejection> {
    let facts = facts.ok_or(Rejection::VideoUnknown)?;
    if facts.status == VideoStatus::Deleted && facts.ended_by != Some(event_id) {
        return Err(Rejection::VideoDeleted);
    }
    if facts.owner != actor {
        return Err(Rejection::NotOwner);
    }
    if facts.votes > 0 {
        return Err(Rejection::HasVotes { votes: facts.votes });
    }
    Ok(())
}
