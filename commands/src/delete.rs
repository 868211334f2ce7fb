//! Deleting a video.

use domain::event::Deleted;
use domain::{AccountId, Event, EventId, Rejection, Verdict, VideoEvent, VideoId, object_keys};
use infra::object_storage::ObjectKey;
use ports::read_models::{Stage, VideoFacts};

use crate::{Answer, CommandError, Commands, Context};

impl Commands {
    /// Takes a video back: only its owner may, and only while it has no votes. Its files go too.
    ///
    /// # Errors
    /// [`Rejection::VideoUnknown`], [`Rejection::VideoDeleted`], [`Rejection::NotOwner`],
    /// [`Rejection::HasVotes`], or what [`CommandError`] says.
    pub async fn delete(
        &self,
        context: &Context,
        actor: AccountId,
        video: VideoId,
    ) -> Result<Answer<()>, CommandError> {
        let event_id = context.event_id(actor.0, "delete", &video.to_string());
        self.inner.claims.claim(context, actor, "delete", video)?;
        let facts = self.inner.parts.read_models.video(video).await?;
        refuse_early(facts.as_ref(), actor, event_id)?;

        let event = Event::Video(video, VideoEvent::Deleted(Deleted { by: actor }));
        let envelope = context.envelope(event_id, Some(actor), event);
        match self.decide(envelope).await? {
            Answer::Pending(token) => Ok(Answer::Pending(token)),
            Answer::Done(Verdict::Rejected(rejection)) => Err(rejection.into()),
            Answer::Done(Verdict::Accepted { .. }) => {
                self.remove_files(video).await;
                Ok(Answer::Done(()))
            }
        }
    }

    /// The video is deleted, whether its files go now or with the next sweep. The keys are read
    /// after the verdict, so that a result published meanwhile is not missed.
    pub(crate) async fn remove_files(&self, video: VideoId) {
        let facts = match self.inner.parts.read_models.video(video).await {
            Ok(Some(facts)) => facts,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%video, %error, "files of a deleted video remain for the sweep");
                return;
            }
        };
        let keys = [Some(facts.original_key), facts.processed_key, facts.poster_key];
        for key in keys.into_iter().flatten().filter_map(|key| ObjectKey::parse(&key)) {
            self.remove_file(video, &key).await;
        }
        if let Err(error) =
            self.inner.parts.storage.delete_all(&object_keys::hls_folder(video)).await
        {
            tracing::warn!(%video, %error, "a stream that must go remains for the sweep");
        }
    }

    pub(crate) async fn remove_file(&self, video: VideoId, key: &ObjectKey) {
        if let Err(error) = self.inner.parts.storage.delete(key).await {
            tracing::warn!(%video, %key, %error, "a file that must go remains for the sweep");
        }
    }
}

/// A courtesy; the fold decides. It must not refuse the retry of a deletion that took effect.
fn refuse_early(
    facts: Option<&VideoFacts>,
    actor: AccountId,
    event_id: EventId,
) -> Result<(), Rejection> {
    let facts = facts.ok_or(Rejection::VideoUnknown)?;
    if facts.stage == Stage::Deleted && facts.ended_by != Some(event_id) {
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
