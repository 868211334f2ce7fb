//! Voting: the hot path.

use std::time::Instant;

use domain::event::VoteCast;
use domain::{AccountId, Event, Rejection, Verdict, VideoEvent, VideoId, VideoStatus};

use crate::answer::Answer;
use crate::commands::Commands;
use crate::context::CommandContext;
use crate::error::CommandError;

impl Commands {
    /// Votes for a video. Returns its votes, this one included.
    ///
    /// # Errors
    /// [`Rejection::AlreadyVoted`], [`Rejection::NotVotable`], [`Rejection::VideoUnknown`],
    /// [`Rejection::VideoDeleted`], or another [`CommandError`].
    pub async fn vote(
        &self,
        context: &CommandContext,
        voter: AccountId,
        video: VideoId,
    ) -> Result<Answer<u64>, CommandError> {
        let event_id = context.event_id(voter.0, "vote", &video.to_string());
        self.inner.idempotency_keys.claim(context, voter, "vote", video)?;
        let cache = &self.inner.vote_cache;
        cache.forget_other_log(self.inner.dependencies.submitter.gate().closings());
        if cache.counted_by(video, voter).is_some_and(|counted_by| counted_by != event_id) {
            return Err(Rejection::AlreadyVoted.into());
        }
        self.reject_unpublished(video).await?;

        let event = Event::Video(video, VideoEvent::VoteCast(VoteCast { voter }));
        match self.submit(context.envelope(event_id, Some(voter), event)).await? {
            Answer::Pending(token) => Ok(Answer::Pending(token)),
            Answer::Done(Verdict::Rejected(rejection)) => Err(rejection.into()),
            Answer::Done(Verdict::Accepted { total_votes }) => {
                cache.remember_vote(video, voter, event_id);
                total_votes
                    .map(Answer::Done)
                    .ok_or_else(|| CommandError::internal("a counted vote has no count"))
            }
        }
    }

    /// Rejects early what the fold would reject, to keep most impossible votes out of the log.
    async fn reject_unpublished(&self, video: VideoId) -> Result<(), CommandError> {
        if self.inner.vote_cache.is_published(video) {
            return Ok(());
        }
        let looked_up = Instant::now();
        let facts = self.inner.dependencies.read_models.video(video).await?;
        match facts.map(|facts| facts.status) {
            None => Err(Rejection::VideoUnknown.into()),
            Some(VideoStatus::Deleted) => Err(Rejection::VideoDeleted.into()),
            Some(VideoStatus::Pending | VideoStatus::Processing | VideoStatus::Failed) => {
                Err(Rejection::NotVotable.into())
            }
            Some(VideoStatus::Processed) => {
                self.inner.vote_cache.remember_published(video, looked_up);
                Ok(())
            }
        }
    }
}
