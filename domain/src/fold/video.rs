//! The life of a video: pending → processing → processed or failed. It can be deleted while it has no
//! votes, and withdrawn while it is not published.

use super::vote;
use crate::contest::{Changes, Contest};
use crate::event::{
    Deleted, Processed, ProcessingFailed, ProcessingStarted, Recorded, Uploaded, VideoEvent,
    Withdrawn,
};
use crate::id::{EventId, VideoId};
use crate::rejection::Rejection;
use crate::verdict::{FoldOutcome, Verdict};
use crate::video::{Failure, ProcessingEnd, Published, Video, VideoState};

pub(super) fn fold(
    contest: &mut Contest,
    changes: &mut Changes,
    record: &Recorded,
    video_id: VideoId,
    event: &VideoEvent,
) -> FoldOutcome {
    let mut change_state = |change: &dyn Fn(&mut Video) -> FoldOutcome| {
        let Some(video) = contest.videos.get_mut(&video_id) else {
            return FoldOutcome::rejected(Rejection::VideoUnknown);
        };
        let outcome = change(video);
        match outcome {
            FoldOutcome::Decided(Verdict::Accepted { .. }) => {
                changes.artists.insert(video.owner);
                changes.videos.insert(video_id);
                changes.status_changed.insert(video_id);
            }
            FoldOutcome::Decided(Verdict::Rejected(_))
            | FoldOutcome::Duplicate(_)
            | FoldOutcome::Overtaken => {}
        }
        outcome
    };
    match event {
        VideoEvent::Uploaded(event) => upload(contest, changes, record, video_id, event),
        VideoEvent::ProcessingStarted(event) => change_state(&|video| start(video, *event)),
        VideoEvent::Processed(event) => change_state(&|video| publish(video, record, event)),
        VideoEvent::ProcessingFailed(event) => change_state(&|video| fail(video, record, *event)),
        VideoEvent::Deleted(event) => change_state(&|video| delete(video, record, *event)),
        VideoEvent::Withdrawn(event) => change_state(&|video| withdraw(video, record, *event)),
        VideoEvent::VoteCast(event) => vote::fold(contest, changes, record, video_id, *event),
    }
}

fn upload(
    contest: &mut Contest,
    changes: &mut Changes,
    record: &Recorded,
    video_id: VideoId,
    event: &Uploaded,
) -> FoldOutcome {
    if let Some(video) = contest.videos.get(&video_id) {
        return if video.uploaded_by == record.event_id {
            FoldOutcome::ACCEPTED_BEFORE
        } else {
            FoldOutcome::rejected(Rejection::VideoExists)
        };
    }
    let video = Video {
        owner: event.owner,
        title: event.title.clone(),
        description: event.description.clone(),
        original_key: event.original_key.clone(),
        content_type: event.content_type.clone(),
        bytes: event.bytes,
        sha256: event.sha256.clone(),
        uploaded_at: record.at,
        uploaded_by: record.event_id,
        attempts: 0,
        state: VideoState::Pending,
        votes: 0,
        last_vote_at: None,
    };
    contest.videos.insert(video_id, video);
    changes.videos.insert(video_id);
    changes.status_changed.insert(video_id);
    FoldOutcome::ACCEPTED
}

fn start(video: &mut Video, event: ProcessingStarted) -> FoldOutcome {
    if !video.state.status().awaits_processing() || event.attempt <= video.attempts {
        return FoldOutcome::Overtaken;
    }
    video.attempts = event.attempt;
    video.state = VideoState::Processing;
    FoldOutcome::ACCEPTED
}

fn publish(video: &mut Video, record: &Recorded, event: &Processed) -> FoldOutcome {
    if let Some(outcome) = already_finished(&video.state, record.event_id) {
        return outcome;
    }
    video.state = VideoState::Processed(Published {
        processed_key: event.processed_key.clone(),
        poster_key: event.poster_key.clone(),
        hls_key: event.hls_key.clone(),
        duration_ms: event.duration_ms,
        width: event.width,
        height: event.height,
        bytes: event.bytes,
        at: record.at,
        by: record.event_id,
    });
    FoldOutcome::ACCEPTED
}

fn fail(video: &mut Video, record: &Recorded, event: ProcessingFailed) -> FoldOutcome {
    if event.is_final {
        if let Some(outcome) = already_finished(&video.state, record.event_id) {
            return outcome;
        }
        video.attempts = video.attempts.max(event.attempt);
        let failure = Failure { reason: event.reason, at: record.at, by: record.event_id };
        video.state = VideoState::Failed(failure);
        return FoldOutcome::ACCEPTED;
    }
    // A failure that will be retried is only a report, and the newest report counts.
    let is_newest = match video.state {
        VideoState::Processing => event.attempt >= video.attempts,
        VideoState::Pending => event.attempt > video.attempts,
        VideoState::Processed(_) | VideoState::Failed(_) | VideoState::Deleted { .. } => false,
    };
    if !is_newest {
        return FoldOutcome::Overtaken;
    }
    video.attempts = event.attempt;
    video.state = VideoState::Pending;
    FoldOutcome::ACCEPTED
}

fn delete(video: &mut Video, record: &Recorded, event: Deleted) -> FoldOutcome {
    let end = match &video.state {
        VideoState::Deleted { by, .. } => return deleted_before(*by, record.event_id),
        VideoState::Pending | VideoState::Processing => None,
        VideoState::Processed(published) => Some(ProcessingEnd::Processed(published.clone())),
        VideoState::Failed(failure) => Some(ProcessingEnd::Failed(*failure)),
    };
    if event.by != video.owner {
        return FoldOutcome::rejected(Rejection::NotOwner);
    }
    if video.votes > 0 {
        return FoldOutcome::rejected(Rejection::HasVotes { votes: video.votes });
    }
    video.state = VideoState::Deleted { at: record.at, by: record.event_id, end };
    FoldOutcome::ACCEPTED
}

/// A published video is not withdrawn: people have watched it.
fn withdraw(video: &mut Video, record: &Recorded, event: Withdrawn) -> FoldOutcome {
    let end = match &video.state {
        VideoState::Deleted { by, .. } => return deleted_before(*by, record.event_id),
        VideoState::Processed(_) => return FoldOutcome::rejected(Rejection::AlreadyFinished),
        VideoState::Pending | VideoState::Processing => None,
        VideoState::Failed(failure) => Some(ProcessingEnd::Failed(*failure)),
    };
    if event.owner != video.owner {
        return FoldOutcome::rejected(Rejection::NotOwner);
    }
    video.state = VideoState::Deleted { at: record.at, by: record.event_id, end };
    FoldOutcome::ACCEPTED
}

fn deleted_before(deleted_by: EventId, event_id: EventId) -> FoldOutcome {
    if deleted_by == event_id {
        FoldOutcome::ACCEPTED_BEFORE
    } else {
        FoldOutcome::rejected(Rejection::VideoDeleted)
    }
}

/// The outcome of a report about a video whose processing has ended: the first end in the log stands.
/// `None` while it has not ended.
fn already_finished(state: &VideoState, event_id: EventId) -> Option<FoldOutcome> {
    let (end, otherwise) = match state {
        VideoState::Pending | VideoState::Processing => return None,
        VideoState::Processed(published) => (Some(published.by), Rejection::AlreadyFinished),
        VideoState::Failed(failure) => (Some(failure.by), Rejection::AlreadyFinished),
        VideoState::Deleted { end, .. } => {
            (end.as_ref().map(ProcessingEnd::by), Rejection::VideoDeleted)
        }
    };
    Some(if end == Some(event_id) {
        FoldOutcome::ACCEPTED_BEFORE
    } else {
        FoldOutcome::rejected(otherwise)
    })
}
