//! Voting: one vote per person and published video.

use domain::{Rejection, Vote};

use super::dsl::*;

#[test]
fn a_vote_for_a_published_video_counts() {
    given(a_published_clip())
        .when(votes("beto", CLIP).called("vote"))
        .then(counted_as_vote(1))
        .and_votes(CLIP, 1)
        .and(
            |then| then.contest.votes[&(video(CLIP), person("beto"))],
            Vote { event_id: event_id("vote"), at: moment(3) },
        )
        .and(|then| then.video(CLIP).last_vote_at, Some(moment(3)))
        .and(|then| then.changes.votes.clone(), [(video(CLIP), person("beto"))].into())
        .and(|then| then.changes.videos.clone(), [video(CLIP)].into())
        .and_touches_artists(["ana"]);
}

#[test]
fn every_person_may_vote_once() {
    given(a_published_clip_and([votes("beto", CLIP), votes("cleo", CLIP)]))
        .when(votes("dora", CLIP))
        .then(counted_as_vote(3))
        .and_votes(CLIP, 3);
}

#[test]
fn an_artist_may_vote_for_their_own_video() {
    given(a_published_clip()).when(votes("ana", CLIP)).then(counted_as_vote(1));
}

#[test]
fn a_second_vote_for_one_video_is_rejected() {
    given(a_published_clip_and([votes("beto", CLIP)]))
        .when(votes("beto", CLIP))
        .then(rejected(Rejection::AlreadyVoted))
        .and_votes(CLIP, 1)
        .and(|then| then.video(CLIP).last_vote_at, Some(moment(3)));
}

#[test]
fn one_person_may_vote_for_several_videos() {
    given(a_published_clip_and([
        uploads("ana", "encore"),
        is_processed("encore"),
        votes("beto", CLIP),
    ]))
    .when(votes("beto", "encore"))
    .then(counted_as_vote(1));
}

#[test]
fn a_vote_delivered_twice_counts_once_and_returns_the_current_count() {
    given(a_published_clip_and([votes("beto", CLIP).called("vote"), votes("cleo", CLIP)]))
        .when(votes("beto", CLIP).called("vote"))
        .then(duplicate_of(counted_as_vote(2)))
        .and_votes(CLIP, 2);
}

#[test]
fn a_second_vote_delivered_twice_stays_rejected() {
    given(a_published_clip_and([votes("beto", CLIP), votes("beto", CLIP).called("again")]))
        .when(votes("beto", CLIP).called("again"))
        .then(duplicate_of(rejected(Rejection::AlreadyVoted)))
        .and_votes(CLIP, 1);
}

#[test]
fn a_vote_for_an_unknown_video_is_rejected() {
    given([]).when(votes("beto", CLIP)).then(rejected(Rejection::VideoUnknown));
}

#[test]
fn a_vote_for_a_pending_video_is_rejected() {
    given([uploads("ana", CLIP)])
        .when(votes("beto", CLIP))
        .then(rejected(Rejection::NotVotable))
        .and_votes(CLIP, 0);
}

#[test]
fn a_vote_for_a_video_in_processing_is_rejected() {
    given([uploads("ana", CLIP), attempt_starts(CLIP, 1)])
        .when(votes("beto", CLIP))
        .then(rejected(Rejection::NotVotable));
}

#[test]
fn a_vote_for_a_failed_video_is_rejected() {
    given([uploads("ana", CLIP), fails_for_good(CLIP, 1)])
        .when(votes("beto", CLIP))
        .then(rejected(Rejection::NotVotable));
}

#[test]
fn a_vote_for_a_deleted_video_is_rejected() {
    given(a_published_clip_and([deletes("ana", CLIP)]))
        .when(votes("beto", CLIP))
        .then(rejected(Rejection::VideoDeleted))
        .and_votes(CLIP, 0);
}

#[test]
fn a_rejected_vote_stays_rejected_when_delivered_after_the_publication() {
    given([uploads("ana", CLIP), votes("beto", CLIP).called("too early"), is_processed(CLIP)])
        .when(votes("beto", CLIP).called("too early"))
        .then(duplicate_of(rejected(Rejection::NotVotable)))
        .and_votes(CLIP, 0)
        .and(|then| then.contest.rejections[&event_id("too early")].1, moment(1));
}

#[test]
fn a_person_whose_vote_was_rejected_may_vote_again() {
    given([uploads("ana", CLIP), votes("beto", CLIP).called("too early"), is_processed(CLIP)])
        .when(votes("beto", CLIP))
        .then(counted_as_vote(1));
}
