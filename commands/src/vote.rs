//! Voting: the hot path.

use std::time::{Duration, Instant};

use domain::event::VoteCast;
use domain::{AccountId, Event, EventId, Rejection, Verdict, VideoEvent, VideoId};
use ports::read_models::Stage;
use quick_cache::sync::Cache;

use crate::{Answer, CommandError, Commands, Context};

const REMEMBERED_BALLOTS: usize = 100_000;
const REMEMBERED_VIDEOS: usize = 100_000;
/// A video that was published stays so, unless it is deleted; the fold notices that.
const VIDEO_TTL: Duration = Duration::from_secs(60);

/// What this process knows about votes, so that most refusals and most votes need no query.
///
/// Every vote looks here twice and leaves something, so the cache is one that does little beside.
pub(crate) struct Ballots {
    /// Votes that were counted, with the event that cast them.
    counted: Cache<(VideoId, AccountId), EventId>,
    /// Videos that were published when last looked at, and when that was.
    published: Cache<VideoId, Instant>,
}

impl Default for Ballots {
    fn default() -> Self {
        Self { counted: Cache::new(REMEMBERED_BALLOTS), published: Cache::new(REMEMBERED_VIDEOS) }
    }
}

impl Commands {
    /// Votes for a video; returns its votes, this one included.
    ///
    /// # Errors
    /// [`Rejection::AlreadyVoted`], [`Rejection::NotVotable`], [`Rejection::VideoUnknown`],
    /// [`Rejection::VideoDeleted`], or what [`CommandError`] says.
    pub async fn vote(
        &self,
        context: &Context,
        voter: AccountId,
        video: VideoId,
    ) -> Result<Answer<u64>, CommandError> {
        let event_id = context.event_id(voter.0, "vote", &video.to_string());
        self.inner.claims.claim(context, voter, "vote", video)?;
        let ballots = &self.inner.ballots;
        if ballots.counted.get(&(video, voter)).is_some_and(|counted| counted != event_id) {
            return Err(Rejection::AlreadyVoted.into());
        }
        self.refuse_unpublished(video).await?;

        let event = Event::Video(video, VideoEvent::VoteCast(VoteCast { voter }));
        let envelope = context.envelope(event_id, Some(voter), event);
        match self.decide(envelope).await? {
            Answer::Pending(token) => Ok(Answer::Pending(token)),
            Answer::Done(Verdict::Rejected(rejection)) => Err(rejection.into()),
            Answer::Done(Verdict::Accepted { total_votes }) => {
                ballots.counted.insert((video, voter), event_id);
                total_votes.map(Answer::Done).ok_or_else(|| {
                    CommandError::Internal("a counted vote came without its count".to_owned())
                })
            }
        }
    }

    /// A courtesy that spares the log most impossible votes; the fold decides.
    async fn refuse_unpublished(&self, video: VideoId) -> Result<(), CommandError> {
        let published = &self.inner.ballots.published;
        if published.get(&video).is_some_and(|seen| seen.elapsed() < VIDEO_TTL) {
            return Ok(());
        }
        let looked = Instant::now();
        let facts = self.inner.parts.read_models.video(video).await?;
        match facts.map(|facts| facts.stage) {
            None => Err(Rejection::VideoUnknown.into()),
            Some(Stage::Deleted) => Err(Rejection::VideoDeleted.into()),
            Some(Stage::Pending | Stage::Processing | Stage::Failed) => {
                Err(Rejection::NotVotable.into())
            }
            Some(Stage::Processed) => {
                published.insert(video, looked);
                Ok(())
            }
        }
    }
}

/// The video whose count the answer to this event shows.
pub(crate) fn counted_video(event: &Event) -> Option<VideoId> {
    match event {
        Event::Video(video, VideoEvent::VoteCast(_)) => Some(*video),
        _ => None,
    }
}
