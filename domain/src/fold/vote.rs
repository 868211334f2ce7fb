//! Voting: one vote per person and published video.

use crate::contest::{Changes, Contest, Vote};
use crate::event::{Recorded, VoteCast};
use crate::id::VideoId;
use crate::rejection::Rejection;
use crate::verdict::{FoldOutcome, Verdict};
use crate::video::VideoState;

pub(super) fn fold(
    contest: &mut Contest,
    changes: &mut Changes,
    record: &Recorded,
    video_id: VideoId,
    event: VoteCast,
) -> FoldOutcome {
    let Some(video) = contest.videos.get_mut(&video_id) else {
        return FoldOutcome::rejected(Rejection::VideoUnknown);
    };
    let key = (video_id, event.voter);
    if let Some(vote) = contest.votes.get(&key) {
        if vote.event_id == record.event_id {
            return FoldOutcome::Duplicate(Verdict::Accepted { total_votes: Some(video.votes) });
        }
        return FoldOutcome::rejected(Rejection::AlreadyVoted);
    }
    match video.state {
        VideoState::Processed(_) => {}
        VideoState::Deleted { .. } => return FoldOutcome::rejected(Rejection::VideoDeleted),
        VideoState::Pending | VideoState::Processing | VideoState::Failed(_) => {
            return FoldOutcome::rejected(Rejection::NotVotable);
        }
    }
    contest.votes.insert(key, Vote { event_id: record.event_id, at: record.at });
    video.votes += 1;
    video.last_vote_at = video.last_vote_at.max(Some(record.at));
    changes.votes.insert(key);
    changes.videos.insert(video_id);
    changes.artists.insert(video.owner);
    FoldOutcome::Decided(Verdict::Accepted { total_votes: Some(video.votes) })
}
