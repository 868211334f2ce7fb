//! How a video comes into the contest and how it leaves.

use domain::contest::End;
use domain::{Rejection, Video, VideoStatus};

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
                status: VideoStatus::Pending,
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
fn an_upload_delivered_again_does_not_bring_a_deleted_video_back() {
    given([uploads("ana", CLIP).called("upload"), deletes("ana", CLIP).called("deletion")])
        .when(uploads("ana", CLIP).called("upload"))
        .then(duplicate_of(accepted()))
        .and_status(CLIP, deleted_at(1, None));
}

#[test]
fn a_deleted_videos_id_is_not_free_again() {
    given([uploads("ana", CLIP), deletes("ana", CLIP)])
        .when(uploads("ana", CLIP))
        .then(rejected(Rejection::VideoExists));
}

#[test]
fn its_owner_deletes_a_waiting_video() {
    given([uploads("ana", CLIP)])
        .when(deletes("ana", CLIP).called("deletion"))
        .then(accepted())
        .and_status(CLIP, deleted_at(1, None))
        .and(|then| then.changes.videos.clone(), [video(CLIP)].into());
}

#[test]
fn its_owner_deletes_a_video_in_the_works() {
    given([uploads("ana", CLIP), attempt_starts(CLIP, 1)])
        .when(deletes("ana", CLIP).called("deletion"))
        .then(accepted())
        .and_status(CLIP, deleted_at(2, None));
}

#[test]
fn its_owner_deletes_a_published_video_without_votes() {
    given(a_published_clip())
        .when(deletes("ana", CLIP).called("deletion"))
        .then(accepted())
        .and_status(CLIP, deleted_at(3, Some(End::Processed(published_at(2)))))
        .and_touches_artists(["ana"]);
}

#[test]
fn its_owner_deletes_a_failed_video() {
    given([uploads("ana", CLIP), fails_for_good(CLIP, 1).called("failure")])
        .when(deletes("ana", CLIP).called("deletion"))
        .then(accepted())
        .and_status(CLIP, deleted_at(2, Some(End::Failed(failed_at(1)))));
}

#[test]
fn nobody_else_deletes_a_video() {
    given([uploads("ana", CLIP)])
        .when(deletes("beto", CLIP))
        .then(rejected(Rejection::NotOwner))
        .and_status(CLIP, VideoStatus::Pending);
}

#[test]
fn nobody_else_learns_how_many_votes_kept_a_video() {
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
fn a_rejected_deletion_delivered_again_remembers_the_votes_of_then() {
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
        .and_status(CLIP, deleted_at(1, None));
}

#[test]
fn deleting_an_unknown_video_is_rejected() {
    given([]).when(deletes("ana", CLIP)).then(rejected(Rejection::VideoUnknown));
}

#[test]
fn a_deletion_rejected_as_unknown_does_not_take_effect_when_delivered_after_the_upload() {
    given([deletes("ana", CLIP).called("too early"), uploads("ana", CLIP)])
        .when(deletes("ana", CLIP).called("too early"))
        .then(duplicate_of(rejected(Rejection::VideoUnknown)))
        .and_status(CLIP, VideoStatus::Pending);
}

/// Deleted by the event called `deletion`, the `n`th one.
fn deleted_at(n: usize, end: Option<End>) -> VideoStatus {
    VideoStatus::Deleted { at: moment(n), by: event_id("deletion"), end }
}
