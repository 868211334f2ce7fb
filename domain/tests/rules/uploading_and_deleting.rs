//! Uploading and deleting a video.

use domain::video::ProcessingEnd;
use domain::{Rejection, Video, VideoState};

use super::dsl::*;

#[test]
fn an_uploaded_video_waits_for_processing() {
    given([])
        .when(uploads("ana", CLIP).called("upload"))
        .then(accepted())
        .and(
            |then| then.video(CLIP).clone(),
            Video {
                owner: person("ana"),
                title: "My song".into(),
                description: Some("Live".into()),
                original_key: "originals/clip".into(),
                content_type: "video/mp4".into(),
                bytes: 1_000,
                sha256: "ab".repeat(32),
                uploaded_at: moment(0),
                uploaded_by: event_id("upload"),
                attempts: 0,
                state: VideoState::Pending,
                votes: 0,
                last_vote_at: None,
            },
        )
        .and(|then| then.changes.videos.clone(), [video(CLIP)].into());
}

#[test]
fn the_same_video_id_cannot_be_uploaded_twice() {
    given([uploads("ana", CLIP)])
        .when(uploads("beto", CLIP))
        .then(rejected(Rejection::VideoExists))
        .and(|then| then.video(CLIP).owner, person("ana"));
}

#[test]
fn an_upload_delivered_twice_counts_once() {
    given([uploads("ana", CLIP).called("upload")])
        .when(uploads("ana", CLIP).called("upload"))
        .then(duplicate_of(accepted()));
}

#[test]
fn an_upload_delivered_again_does_not_restore_a_deleted_video() {
    given([uploads("ana", CLIP).called("upload"), deletes("ana", CLIP).called("deletion")])
        .when(uploads("ana", CLIP).called("upload"))
        .then(duplicate_of(accepted()))
        .and_state(CLIP, deleted_at(1, None));
}

#[test]
fn the_id_of_a_deleted_video_cannot_be_used_again() {
    given([uploads("ana", CLIP), deletes("ana", CLIP)])
        .when(uploads("ana", CLIP))
        .then(rejected(Rejection::VideoExists));
}

#[test]
fn the_owner_may_delete_a_pending_video() {
    given([uploads("ana", CLIP)])
        .when(deletes("ana", CLIP).called("deletion"))
        .then(accepted())
        .and_state(CLIP, deleted_at(1, None))
        .and(|then| then.changes.videos.clone(), [video(CLIP)].into());
}

#[test]
fn the_owner_may_delete_a_video_in_processing() {
    given([uploads("ana", CLIP), attempt_starts(CLIP, 1)])
        .when(deletes("ana", CLIP).called("deletion"))
        .then(accepted())
        .and_state(CLIP, deleted_at(2, None));
}

#[test]
fn the_owner_may_delete_a_published_video_without_votes() {
    given(a_published_clip())
        .when(deletes("ana", CLIP).called("deletion"))
        .then(accepted())
        .and_state(CLIP, deleted_at(3, Some(ProcessingEnd::Processed(published_at(2)))))
        .and_touches_artists(["ana"]);
}

#[test]
fn the_owner_may_delete_a_failed_video() {
    given([uploads("ana", CLIP), fails_for_good(CLIP, 1).called("failure")])
        .when(deletes("ana", CLIP).called("deletion"))
        .then(accepted())
        .and_state(CLIP, deleted_at(2, Some(ProcessingEnd::Failed(failed_at(1)))));
}

#[test]
fn only_the_owner_may_delete_a_video() {
    given([uploads("ana", CLIP)])
        .when(deletes("beto", CLIP))
        .then(rejected(Rejection::NotOwner))
        .and_state(CLIP, VideoState::Pending);
}

#[test]
fn only_the_owner_learns_the_votes_of_a_rejected_deletion() {
    given(a_published_clip_and([votes("beto", CLIP)]))
        .when(deletes("beto", CLIP))
        .then(rejected(Rejection::NotOwner));
}

#[test]
fn a_video_with_votes_cannot_be_deleted() {
    given(a_published_clip_and([votes("beto", CLIP), votes("cleo", CLIP)]))
        .when(deletes("ana", CLIP))
        .then(rejected(Rejection::HasVotes { votes: 2 }))
        .and_votes(CLIP, 2);
}

#[test]
fn a_rejected_deletion_delivered_again_keeps_its_count_of_votes() {
    given(a_published_clip_and([
        votes("beto", CLIP),
        deletes("ana", CLIP).called("deletion"),
        votes("cleo", CLIP),
    ]))
    .when(deletes("ana", CLIP).called("deletion"))
    .then(duplicate_of(rejected(Rejection::HasVotes { votes: 1 })));
}

#[test]
fn a_video_is_deleted_only_once() {
    given([uploads("ana", CLIP), deletes("ana", CLIP)])
        .when(deletes("ana", CLIP))
        .then(rejected(Rejection::VideoDeleted));
}

#[test]
fn a_deletion_delivered_twice_counts_once() {
    given([uploads("ana", CLIP), deletes("ana", CLIP).called("deletion")])
        .when(deletes("ana", CLIP).called("deletion"))
        .then(duplicate_of(accepted()))
        .and_state(CLIP, deleted_at(1, None));
}

#[test]
fn deleting_an_unknown_video_is_rejected() {
    given([]).when(deletes("ana", CLIP)).then(rejected(Rejection::VideoUnknown));
}

#[test]
fn a_rejected_deletion_stays_rejected_when_delivered_after_the_upload() {
    given([deletes("ana", CLIP).called("too early"), uploads("ana", CLIP)])
        .when(deletes("ana", CLIP).called("too early"))
        .then(duplicate_of(rejected(Rejection::VideoUnknown)))
        .and_state(CLIP, VideoState::Pending);
}

/// Deleted by the event called `deletion`, the `n`th one.
fn deleted_at(n: usize, end: Option<ProcessingEnd>) -> VideoState {
    VideoState::Deleted { at: moment(n), by: event_id("deletion"), end }
}
