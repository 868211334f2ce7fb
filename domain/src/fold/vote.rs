//! Voting: one vote per person and published video.

use crate::event::VoteCast;
use crate::{Changes, Contest, Outcome, Recorded, Rejection, Verdict, VideoId, VideoStatus, Vote};

use super::rejected;

pub(super) fn fold(
    contest: &mut Contest,
    changes: &mut Changes,
    record: &Recorded,
    video_id: VideoId,
    event: VoteCast,
) -> Outcome {
    let Some(video) = contest.videos.get_mut(&video_id) else {
        return rejected(Rejection::VideoUnknown);
    };
    let ballot = (video_id, event.voter);
    if let Some(vote) = contest.votes.get(&ballot) {
        if vote.event_id == record.event_id {
            return Outcome::Duplicate(Verdict::Accepted { total_votes: Some(video.votes) });
        }
        return rejected(Rejection::AlreadyVoted);
    }
    match video.status {
        VideoStatus::Processed(_) => {}
        VideoStatus::Deleted { .. } => return rejected(Rejection::VideoDeleted),
        VideoStatus::Pending | VideoStatus::Processing | VideoStatus::Failed(_) => {
            return rejected(Rejection::NotVotable);
        }
    }
    contest.votes.insert(ballot, Vote { event_id: record.event_id, at: record.at });
    video.votes += 1;
    video.last_vote_at = video.last_vote_at.max(Some(record.at));
    changes.votes.insert(ballot);
    changes.videos.insert(video_id);
    changes.artists.insert(video.owner);
    Outcome::Decided(Verdict::Accepted { total_votes: Some(video.votes) })
}
