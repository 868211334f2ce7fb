//! Voting: the hot path.

use std::time::Duration;

use domain::event::VoteCast;
use domain::{AccountId, Event, EventId, Rejection, Verdict, VideoEvent, VideoId};
use hashbrown::DefaultHashBuilder;
use infra::read_models::Stage;
use moka::sync::Cache;

use crate::{Answer, CommandError, Commands, Context};

const REMEMBERED_BALLOTS: u64 = 100_000;
const REMEMBERED_VIDEOS: u64 = 100_000;
/// A video that was published stays so, unless it is deleted; the fold notices that.
const VIDEO_TTL: Duration = Duration::from_secs(60);

/// What this process knows about votes, so that most refusals and most votes need no query.
///
/// Looked at so often that the standard library's hasher showed in profiles.
pub(crate) struct Ballots {
    /// Votes that were counted, with the event that cast them.
    counted: Cache<(VideoId, AccountId), EventId, DefaultHashBuilder>,
    /// Videos that were published when last seen.
    published: Cache<VideoId, (), DefaultHashBuilder>,
}

impl Default for Ballots {
    fn default() -> Self {
        Self {
            counted: Cache::builder()
                .max_capacity(REMEMBERED_BALLOTS)
                .build_with_hasher(DefaultHashBuilder::default()),
            published: Cache::builder()
                .max_capacity(REMEMBERED_VIDEOS)
                .time_to_live(VIDEO_TTL)
                .build_with_hasher(DefaultHashBuilder::default()),
        }
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
        if published.contains_key(&video) {
            return Ok(());
        }
        let facts = self.inner.parts.read_models.video(video).await?;
        match facts.map(|facts| facts.stage) {
            None => Err(Rejection::VideoUnknown.into()),
            Some(Stage::Deleted) => Err(Rejection::VideoDeleted.into()),
            Some(Stage::Pending | Stage::Processing | Stage::Failed) => {
                Err(Rejection::NotVotable.into())
            }
            Some(Stage::Processed) => {
                published.insert(video, ());
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
