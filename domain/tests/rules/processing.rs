//! Processing: attempts may be repeated, and the first end in the log stands.

use domain::{Rejection, VideoState};

use super::dsl::*;

#[test]
fn a_started_attempt_sets_the_status_processing() {
    given([uploads("ana", CLIP)])
        .when(attempt_starts(CLIP, 1))
        .then(accepted())
        .and_state(CLIP, VideoState::Processing)
        .and(|then| then.video(CLIP).attempts, 1)
        .and(|then| then.changes.videos.clone(), [video(CLIP)].into());
}

#[test]
fn a_start_delivered_twice_counts_once() {
    given([uploads("ana", CLIP), attempt_starts(CLIP, 1).called("start")])
        .when(attempt_starts(CLIP, 1).called("start"))
        .then(overtaken());
}

#[test]
fn an_older_attempt_is_overtaken_by_a_newer_one() {
    given([uploads("ana", CLIP), attempt_starts(CLIP, 2)])
        .when(attempt_starts(CLIP, 1))
        .then(overtaken())
        .and(|then| then.video(CLIP).attempts, 2);
}

#[test]
fn a_newer_attempt_takes_over_from_a_lost_worker() {
    given([uploads("ana", CLIP), attempt_starts(CLIP, 1)])
        .when(attempt_starts(CLIP, 2))
        .then(accepted())
        .and(|then| then.video(CLIP).attempts, 2);
}

#[test]
fn a_failed_attempt_makes_the_video_pending_again() {
    given([uploads("ana", CLIP), attempt_starts(CLIP, 1)])
        .when(attempt_fails(CLIP, 1))
        .then(accepted())
        .and_state(CLIP, VideoState::Pending)
        .and(|then| then.video(CLIP).attempts, 1);
}

#[test]
fn a_failed_attempt_delivered_twice_counts_once() {
    given([uploads("ana", CLIP), attempt_starts(CLIP, 1), attempt_fails(CLIP, 1).called("f1")])
        .when(attempt_fails(CLIP, 1).called("f1"))
        .then(overtaken());
}

#[test]
fn a_failed_attempt_does_not_stop_a_newer_one() {
    given([uploads("ana", CLIP), attempt_starts(CLIP, 1), attempt_starts(CLIP, 2)])
        .when(attempt_fails(CLIP, 1))
        .then(overtaken())
        .and_state(CLIP, VideoState::Processing);
}

#[test]
fn a_failed_attempt_counts_even_if_no_start_was_reported() {
    given([uploads("ana", CLIP)])
        .when(attempt_fails(CLIP, 1))
        .then(accepted())
        .and_state(CLIP, VideoState::Pending)
        .and(|then| then.video(CLIP).attempts, 1);
}

#[test]
fn the_late_start_of_a_failed_attempt_is_overtaken() {
    given([uploads("ana", CLIP), attempt_fails(CLIP, 1)])
        .when(attempt_starts(CLIP, 1))
        .then(overtaken())
        .and_state(CLIP, VideoState::Pending);
}

#[test]
fn a_video_may_be_published_after_failed_attempts() {
    given([
        uploads("ana", CLIP),
        attempt_starts(CLIP, 1),
        attempt_fails(CLIP, 1),
        attempt_starts(CLIP, 2),
        attempt_fails(CLIP, 2),
        attempt_starts(CLIP, 3),
    ])
    .when(is_processed(CLIP).called("published"))
    .then(accepted())
    .and_state(CLIP, VideoState::Processed(published_at(6)))
    .and(|then| then.video(CLIP).attempts, 3)
    .and_touches_artists(["ana"]);
}

#[test]
fn a_result_counts_even_if_no_start_was_reported() {
    given([uploads("ana", CLIP)])
        .when(is_processed(CLIP).called("published"))
        .then(accepted())
        .and_state(CLIP, VideoState::Processed(published_at(1)));
}

#[test]
fn a_result_delivered_twice_counts_once() {
    given(a_published_clip())
        .when(is_processed(CLIP).called("published"))
        .then(duplicate_of(accepted()))
        .and_state(CLIP, VideoState::Processed(published_at(2)));
}

#[test]
fn a_second_result_is_rejected() {
    given(a_published_clip())
        .when(is_processed(CLIP))
        .then(rejected(Rejection::AlreadyFinished))
        .and_state(CLIP, VideoState::Processed(published_at(2)));
}

#[test]
fn a_failure_after_the_result_is_rejected() {
    given(a_published_clip())
        .when(fails_for_good(CLIP, 1))
        .then(rejected(Rejection::AlreadyFinished))
        .and_state(CLIP, VideoState::Processed(published_at(2)));
}

#[test]
fn a_result_after_the_final_failure_is_rejected() {
    given([uploads("ana", CLIP), fails_for_good(CLIP, 3).called("failure")])
        .when(is_processed(CLIP))
        .then(rejected(Rejection::AlreadyFinished))
        .and_state(CLIP, VideoState::Failed(failed_at(1)));
}

#[test]
fn a_final_failure_ends_processing() {
    given([uploads("ana", CLIP), attempt_starts(CLIP, 3)])
        .when(fails_for_good(CLIP, 3).called("failure"))
        .then(accepted())
        .and_state(CLIP, VideoState::Failed(failed_at(2)))
        .and(|then| then.video(CLIP).attempts, 3);
}

#[test]
fn a_final_failure_of_an_attempt_never_started_counts_the_attempt() {
    given([uploads("ana", CLIP)])
        .when(fails_for_good(CLIP, 3).called("failure"))
        .then(accepted())
        .and(|then| then.video(CLIP).attempts, 3);
}

#[test]
fn a_final_failure_delivered_twice_counts_once() {
    given([uploads("ana", CLIP), fails_for_good(CLIP, 1).called("failure")])
        .when(fails_for_good(CLIP, 1).called("failure"))
        .then(duplicate_of(accepted()));
}

#[test]
fn a_second_final_failure_is_rejected() {
    given([uploads("ana", CLIP), fails_for_good(CLIP, 1).called("failure")])
        .when(fails_for_good(CLIP, 2))
        .then(rejected(Rejection::AlreadyFinished))
        .and_state(CLIP, VideoState::Failed(failed_at(1)));
}

#[test]
fn progress_reports_after_the_end_are_overtaken() {
    for report in [attempt_starts(CLIP, 9), attempt_fails(CLIP, 9)] {
        given(a_published_clip()).when(report.clone()).then(overtaken());
        given([uploads("ana", CLIP), fails_for_good(CLIP, 1)])
            .when(report.clone())
            .then(overtaken());
        given([uploads("ana", CLIP), deletes("ana", CLIP)]).when(report).then(overtaken());
    }
}

#[test]
fn an_end_after_the_deletion_is_rejected() {
    for end in [is_processed(CLIP), fails_for_good(CLIP, 1)] {
        given([uploads("ana", CLIP), attempt_starts(CLIP, 1), deletes("ana", CLIP)])
            .when(end)
            .then(rejected(Rejection::VideoDeleted));
    }
}

#[test]
fn an_end_delivered_again_after_the_deletion_is_a_duplicate() {
    given(a_published_clip_and([deletes("ana", CLIP)]))
        .when(is_processed(CLIP).called("published"))
        .then(duplicate_of(accepted()));
    given([uploads("ana", CLIP), fails_for_good(CLIP, 1).called("failure"), deletes("ana", CLIP)])
        .when(fails_for_good(CLIP, 1).called("failure"))
        .then(duplicate_of(accepted()));
}

#[test]
fn a_second_end_after_the_deletion_is_rejected() {
    given(a_published_clip_and([deletes("ana", CLIP)]))
        .when(fails_for_good(CLIP, 1))
        .then(rejected(Rejection::VideoDeleted));
}

#[test]
fn every_report_on_an_unknown_video_is_rejected() {
    let reports = [
        attempt_starts(CLIP, 1),
        attempt_fails(CLIP, 1),
        fails_for_good(CLIP, 1),
        is_processed(CLIP),
    ];
    for report in reports {
        given([]).when(report).then(rejected(Rejection::VideoUnknown));
    }
}

#[test]
fn a_rejected_result_stays_rejected_when_delivered_after_the_upload() {
    given([is_processed(CLIP).called("early"), uploads("ana", CLIP)])
        .when(is_processed(CLIP).called("early"))
        .then(duplicate_of(rejected(Rejection::VideoUnknown)))
        .and_state(CLIP, VideoState::Pending);
}
