//! What a process remembers about votes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use domain::{AccountId, EventId, VideoId};
use quick_cache::sync::Cache;

const MAX_VOTES: usize = 100_000;
const MAX_VIDEOS: usize = 100_000;
/// A published video stays published unless it is deleted, which the fold notices.
const PUBLISHED_TTL: Duration = Duration::from_secs(60);

/// Counted votes and published videos that this process has seen, so that most votes need no query.
///
/// Every vote reads it twice and writes it, hence `quick_cache` and not `moka`, which does more work
/// per access.
pub(crate) struct VoteCache {
    /// The event of each counted vote.
    counted: Cache<(VideoId, AccountId), EventId>,
    /// When each published video was last looked up.
    published: Cache<VideoId, Instant>,
    /// How often the log had been another one when the first of them was remembered.
    closings: AtomicU64,
}

impl Default for VoteCache {
    fn default() -> Self {
        Self {
            counted: Cache::new(MAX_VOTES),
            published: Cache::new(MAX_VIDEOS),
            closings: AtomicU64::new(0),
        }
    }
}

impl VoteCache {
    /// Forgets everything if the append gate has closed since, `closings` times in all. A log that was
    /// adopted then may have lost these votes, and "already voted" would be a lie.
    pub(crate) fn forget_other_log(&self, closings: u64) {
        if self.closings.load(Ordering::Relaxed) != closings {
            self.closings.store(closings, Ordering::Relaxed);
            self.counted.clear();
            self.published.clear();
        }
    }

    /// The event of the counted vote, if this process remembers it.
    pub(crate) fn counted_by(&self, video: VideoId, voter: AccountId) -> Option<EventId> {
        self.counted.get(&(video, voter))
    }

    pub(crate) fn remember_vote(&self, video: VideoId, voter: AccountId, event_id: EventId) {
        self.counted.insert((video, voter), event_id);
    }

    /// Whether the video was published when it was looked up a short time ago.
    pub(crate) fn is_published(&self, video: VideoId) -> bool {
        self.published.get(&video).is_some_and(|seen| seen.elapsed() < PUBLISHED_TTL)
    }

    /// `looked_up` is the time before the lookup began.
    pub(crate) fn remember_published(&self, video: VideoId, looked_up: Instant) {
        self.published.insert(video, looked_up);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn votes_of_another_log_are_forgotten() {
        let cache = VoteCache::default();
        let (video, voter) = (VideoId(Uuid::from_u128(1)), AccountId(Uuid::from_u128(2)));
        let event = EventId(Uuid::from_u128(3));
        cache.remember_vote(video, voter, event);
        cache.forget_other_log(0);
        assert_eq!(cache.counted_by(video, voter), Some(event));
        cache.forget_other_log(1);
        assert_eq!(cache.counted_by(video, voter), None);
    }
}
