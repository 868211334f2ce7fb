//! Workers that crash, freeze or race: a video has one end, and only its objects remain.

use std::time::Duration;

use domain::event::FailureReason;
use domain::{VideoId, VideoState};
use tokio_util::sync::CancellationToken;
use transcoder::worker::StepOutcome;
use uuid::Uuid;

use crate::fixture::{FailPoint, GOOD_CHILD, WorkerFixture};

/// A worker crashes at a point of its job: no later step happens.
async fn crash_at(fixture: &WorkerFixture, point: FailPoint) {
    fixture.fail_points.arm(point);
    let step = fixture.start_step();
    fixture.fail_points.wait_until_hit().await;
    step.abort();
    assert!(step.await.unwrap_err().is_cancelled());
}

/// Further workers run until the queue is empty.
async fn recover(fixture: &WorkerFixture) {
    fixture.database.age_leases(31.0).await;
    for _ in 0..10 {
        if fixture.step().await == StepOutcome::Idle {
            return;
        }
    }
    panic!("the job has no end");
}

fn assert_published_once(fixture: &WorkerFixture, video: VideoId, point: FailPoint) {
    assert!(matches!(fixture.log.status(video), VideoState::Processed(_)), "{point:?}");
    assert_eq!(fixture.log.ends(video), 1, "{point:?}: {:?}", fixture.log.history(video));
    let results = [format!("{video}.jpg"), format!("{video}.mp4")];
    assert_eq!(fixture.results(), results, "{point:?}");
}

#[tokio::test]
async fn after_a_crash_at_any_step_the_video_is_published_once() {
    for point in [
        FailPoint::Claimed,
        FailPoint::BeforeStarted,
        FailPoint::AfterStarted,
        FailPoint::Upload,
        FailPoint::BeforeEnd,
        FailPoint::AfterEnd,
    ] {
        let fixture = WorkerFixture::new().await;
        let video = fixture.upload().await;
        crash_at(&fixture, point).await;
        recover(&fixture).await;
        assert_published_once(&fixture, video, point);
    }
}

#[tokio::test]
async fn after_a_crash_during_encoding_the_video_is_published_once() {
    let mut fixture = WorkerFixture::new().await;
    let video = fixture.upload().await;
    let gate = fixture.gate("first-byte");
    fixture.child(&format!("printf f >video.mp4; {}", gate.passing()));
    let step = fixture.start_step();
    gate.reached().await;
    step.abort();
    assert!(step.await.unwrap_err().is_cancelled());
    fixture.child(GOOD_CHILD);
    recover(&fixture).await;
    assert_published_once(&fixture, video, FailPoint::AfterStarted);
    fixture.assert_no_scraps();
}

#[tokio::test]
async fn a_worker_that_loses_its_lease_stops_and_the_next_one_finishes() {
    let mut fixture = WorkerFixture::new().await;
    fixture.settings.lease_duration = Duration::from_millis(600);
    fixture.settings.heartbeat_interval = Duration::from_millis(100);
    fixture.child("sleep 60");
    let video = fixture.upload().await;
    let slow = fixture.start_step();
    tokio::time::sleep(Duration::from_millis(300)).await;
    fixture.database.age_leases(3600.0).await;
    fixture.child(GOOD_CHILD);
    // A heartbeat may renew the lease first; then it must expire once more.
    while fixture.step().await == StepOutcome::Idle {
        fixture.database.age_leases(3600.0).await;
    }
    assert_eq!(slow.await.unwrap(), StepOutcome::LeaseLost);
    assert_eq!(fixture.log.history(video), ["started 1", "started 2", "processed"]);
    assert_eq!(fixture.database.lease_count().await, 0);
    fixture.assert_no_scraps();
}

/// Both finish: without heartbeats the first worker does not notice that its lease is lost.
#[tokio::test]
async fn two_workers_that_both_finish_publish_once() {
    let mut fixture = WorkerFixture::new().await;
    fixture.settings.heartbeat_interval = Duration::from_secs(3600);
    let video = fixture.upload().await;
    let gate = fixture.gate("slow");
    fixture.child(&format!("{GOOD_CHILD}; {}", gate.passing()));
    let slow = fixture.start_step();
    gate.reached().await;
    fixture.database.age_leases(31.0).await;
    fixture.child(GOOD_CHILD);
    assert_eq!(fixture.step().await, StepOutcome::Processed);
    let published = fixture.log.status(video);
    gate.open();
    assert_eq!(slow.await.unwrap(), StepOutcome::Processed);
    assert_eq!(fixture.log.status(video), published);
    assert_published_once(&fixture, video, FailPoint::AfterEnd);
    assert_eq!(fixture.database.lease_count().await, 0);
}

/// A suspended machine resumes in the middle of a job whose video was published and deleted meanwhile.
#[tokio::test]
async fn a_resumed_worker_leaves_no_objects_of_a_deleted_video() {
    let mut fixture = WorkerFixture::new().await;
    fixture.settings.heartbeat_interval = Duration::from_millis(100);
    let video = fixture.upload().await;
    let gate = fixture.gate("frozen");
    fixture.child(&format!("{GOOD_CHILD}; {}", gate.passing()));
    let (worker, stop) = (fixture.worker(), CancellationToken::new());
    let mut frozen = Box::pin(worker.step(Uuid::new_v4(), &stop));
    tokio::select! {
        outcome = &mut frozen => panic!("{outcome:?}"),
        () = gate.reached() => {}
    }
    // From here on the worker's future is not polled.
    fixture.database.age_leases(31.0).await;
    fixture.child(GOOD_CHILD);
    assert_eq!(fixture.step().await, StepOutcome::Processed);
    fixture.delete(video).await;
    gate.open();
    let outcome = frozen.await.unwrap();
    assert!(matches!(outcome, StepOutcome::LeaseLost | StepOutcome::Unwanted), "{outcome:?}");
    assert_eq!(fixture.log.ends(video), 1);
    assert!(matches!(fixture.log.status(video), VideoState::Deleted { .. }));
    assert_eq!(fixture.results(), Vec::<String>::new(), "of a deleted video");
}

#[tokio::test]
async fn a_video_deleted_during_its_attempt_leaves_no_objects() {
    let mut fixture = WorkerFixture::new().await;
    let video = fixture.upload().await;
    let gate = fixture.gate("middle");
    fixture.child(&format!("{GOOD_CHILD}; {}", gate.passing()));
    let step = fixture.start_step();
    gate.reached().await;
    fixture.delete(video).await;
    gate.open();
    assert_eq!(step.await.unwrap(), StepOutcome::Unwanted);
    assert_eq!(fixture.results(), Vec::<String>::new());
    fixture.assert_no_job_left().await;
}

#[tokio::test]
async fn a_file_that_kills_every_worker_fails_and_delays_no_other_job() {
    let fixture = WorkerFixture::new().await;
    let poisoned = fixture.upload().await;
    let valid = [fixture.upload().await, fixture.upload().await];
    let queue =
        transcoder::queue::JobQueue::new(fixture.database.pool.clone(), Duration::from_secs(30));
    let mut published = 0;
    let mut deaths = 0;
    while deaths < 3 {
        let job = queue.claim(Uuid::new_v4()).await.unwrap().unwrap();
        if job.video == poisoned {
            deaths += 1;
        } else {
            queue.release(&job).await.unwrap();
            assert_eq!(fixture.step().await, StepOutcome::Processed);
            published += 1;
        }
        fixture.database.age_leases(31.0).await;
    }
    assert_eq!(published, 2, "other jobs run between the deaths");
    assert_eq!(fixture.step().await, StepOutcome::Failed(FailureReason::WorkerLost));
    assert_eq!(fixture.log.history(poisoned), ["failed 4 worker_lost final"]);
    assert!(valid.iter().all(|id| fixture.log.ends(*id) == 1));
    fixture.assert_no_job_left().await;
}
