//! The life of a video: pending → processing → processed or failed; deleted while it has no votes,
//! withdrawn while it is not published.

use super::{accepted, rejected, seen_before};
use crate::contest::{End, Failure, Published};
use crate::event::{Deleted, Processed, ProcessingFailed, ProcessingStarted, Uploaded, Withdrawn};
use crate::{
    Changes, Contest, EventId, Outcome, Recorded, Rejection, Video, VideoEvent, VideoId,
    VideoStatus,
};

pub(super) fn fold(
    contest: &mut Contest,
    changes: &mut Changes,
    record: &Recorded,
    video_id: VideoId,
    event: &VideoEvent,
) -> Outcome {
    if let VideoEvent::Uploaded(uploaded) = event {
        return upload(contest, changes, record, video_id, uploaded);
    }
    let Some(video) = contest.videos.get_mut(&video_id) else {
        return rejected(Rejection::VideoUnknown);
    };
    let outcome = match event {
        VideoEvent::ProcessingStarted(started) => start(video, *started),
        VideoEvent::Processed(processed) => publish(video, record, processed),
        VideoEvent::ProcessingFailed(failed) => fail(video, record, *failed),
        VideoEvent::Deleted(deleted) => delete(video, record, *deleted),
        VideoEvent::Withdrawn(withdrawn) => withdraw(video, record, *withdrawn),
        // Both are dispatched before this point; neither changes anything here.
        VideoEvent::Uploaded(_) | VideoEvent::VoteCast(_) => Outcome::Overtaken,
    };
    if outcome == accepted() {
        changes.artists.insert(video.owner);
        changes.videos.insert(video_id);
        changes.stages.insert(video_id);
    }
    outcome
}

fn upload(
    contest: &mut Contest,
    changes: &mut Changes,
    record: &Recorded,
    video_id: VideoId,
    event: &Uploaded,
) -> Outcome {
    if let Some(video) = contest.videos.get(&video_id) {
        return if video.uploaded_by == record.event_id {
            seen_before()
        } else {
            rejected(Rejection::VideoExists)
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
        status: VideoStatus::Pending,
        votes: 0,
        last_vote_at: None,
    };
    contest.videos.insert(video_id, video);
    changes.videos.insert(video_id);
    changes.stages.insert(video_id);
    accepted()
}

fn start(video: &mut Video, event: ProcessingStarted) -> Outcome {
    let waiting = matches!(video.status, VideoStatus::Pending | VideoStatus::Processing);
    if !waiting || event.attempt <= video.attempts {
        return Outcome::Overtaken;
    }
    video.attempts = event.attempt;
    video.status = VideoStatus::Processing;
    accepted()
}

fn publish(video: &mut Video, record: &Recorded, event: &Processed) -> Outcome {
    if let Some(outcome) = already_finished(&video.status, record.event_id) {
        return outcome;
    }
    video.status = VideoStatus::Processed(Published {
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
    accepted()
}

fn fail(video: &mut Video, record: &Recorded, event: ProcessingFailed) -> Outcome {
    if event.is_final {
        if let Some(outcome) = already_finished(&video.status, record.event_id) {
            return outcome;
        }
        video.attempts = video.attempts.max(event.attempt);
        let failure = Failure { reason: event.reason, at: record.at, by: record.event_id };
        video.status = VideoStatus::Failed(failure);
        return accepted();
    }
    // A failure that will be retried only reports progress: the newest report counts.
    let current = match video.status {
        VideoStatus::Processing => event.attempt >= video.attempts,
        VideoStatus::Pending => event.attempt > video.attempts,
        _ => false,
    };
    if !current {
        return Outcome::Overtaken;
    }
    video.attempts = event.attempt;
    video.status = VideoStatus::Pending;
    accepted()
}

fn delete(video: &mut Video, record: &Recorded, event: Deleted) -> Outcome {
    let end = match &video.status {
        VideoStatus::Deleted { by, .. } if *by == record.event_id => return seen_before(),
        VideoStatus::Deleted { .. } => return rejected(Rejection::VideoDeleted),
        VideoStatus::Pending | VideoStatus::Processing => None,
        VideoStatus::Processed(published) => Some(End::Processed(published.clone())),
        VideoStatus::Failed(failure) => Some(End::Failed(*failure)),
    };
    if event.by != video.owner {
        return rejected(Rejection::NotOwner);
    }
    if video.votes > 0 {
        return rejected(Rejection::HasVotes { votes: video.votes });
    }
    video.status = VideoStatus::Deleted { at: record.at, by: record.event_id, end };
    accepted()
}

/// What has come on stage stays there: others have watched it.
fn withdraw(video: &mut Video, record: &Recorded, event: Withdrawn) -> Outcome {
    let end = match &video.status {
        VideoStatus::Deleted { by, .. } if *by == record.event_id => return seen_before(),
        VideoStatus::Deleted { .. } => return rejected(Rejection::VideoDeleted),
        VideoStatus::Processed(_) => return rejected(Rejection::AlreadyFinished),
        VideoStatus::Pending | VideoStatus::Processing => None,
        VideoStatus::Failed(failure) => Some(End::Failed(*failure)),
    };
    if event.owner != video.owner {
        return rejected(Rejection::NotOwner);
    }
    video.status = VideoStatus::Deleted { at: record.at, by: record.event_id, end };
    accepted()
}

/// The first end that the log reports stands; `None` while there is none.
fn already_finished(status: &VideoStatus, event_id: EventId) -> Option<Outcome> {
    match status {
        VideoStatus::Pending | VideoStatus::Processing => None,
        VideoStatus::Processed(published) if published.by == event_id => Some(seen_before()),
        VideoStatus::Failed(failure) if failure.by == event_id => Some(seen_before()),
        VideoStatus::Deleted { end: Some(end), .. } if end.by() == event_id => Some(seen_before()),
        VideoStatus::Processed(_) | VideoStatus::Failed(_) => {
            Some(rejected(Rejection::AlreadyFinished))
        }
        VideoStatus::Deleted { .. } => Some(rejected(Rejection::VideoDeleted)),
    }
}
