//! Workers that die, freeze, or race: one outcome, and the objects that belong to it.

use std::time::Duration;

use domain::event::FailureReason;
use domain::{VideoId, VideoState};
use tokio_util::sync::CancellationToken;
use transcoder::worker::StepOutcome;
use uuid::Uuid;

use crate::fixture::{FailPoint, GOOD_CHILD, WorkerFixture};

/// A worker is stopped dead at a point of its job: whatever it would have done next is not done.
async fn crash_at(fixture: &WorkerFixture, point: FailPoint) {
    fixture.fail_points.arm(point);
    let step = fixture.start_step();
    fixture.fail_points.wait_until_hit().await;
    step.abort();
    assert!(step.await.unwrap_err().is_cancelled());
}

/// The other workers go on until there is nothing to do.
async fn recover(fixture: &WorkerFixture) {
    fixture.pass(31.0).await;
    for _ in 0..10 {
        if fixture.step().await == StepOutcome::Idle {
            return;
        }
    }
    panic!("the job comes to no end");
}

fn assert_published_once(fixture: &WorkerFixture, video: VideoId, point: FailPoint) {
    assert!(matches!(fixture.log.status(video), VideoState::Processed(_)), "{point:?}");
    assert_eq!(fixture.log.ends(video), 1, "{point:?}: {:?}", fixture.log.history(video));
    let results = [format!("{video}.jpg"), format!("{video}.mp4")];
    assert_eq!(fixture.results(), results, "{point:?}");
}

#[tokio::test]
async fn a_crash_at_any_step_ends_in_one_outcome() {
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
async fn a_crash_after_the_first_byte_of_output_ends_in_one_outcome() {
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
    fixture.settings.lease = Duration::from_millis(600);
    fixture.settings.heartbeat = Duration::from_millis(100);
    fixture.child("sleep 60");
    let video = fixture.upload().await;
    let (slow, stop) = (fixture.worker(), CancellationToken::new());
    let slow = tokio::spawn(async move { slow.step(Uuid::new_v4(), &stop).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(300)).await;
    fixture.pass(3600.0).await;
    fixture.child(GOOD_CHILD);
    // A sign of life may come first; then the lease must be taken away once more.
    while fixture.step().await == StepOutcome::Idle {
        fixture.pass(3600.0).await;
    }
    assert_eq!(slow.await.unwrap(), StepOutcome::LeaseLost);
    assert_eq!(fixture.log.history(video), ["started 1", "started 2", "processed"]);
    assert_eq!(fixture.leases().await, 0);
    fixture.assert_no_scraps();
}

/// Both finish: the lease of the first was taken from it while it did not look.
#[tokio::test]
async fn two_workers_that_both_finish_publish_once() {
    let mut fixture = WorkerFixture::new().await;
    fixture.settings.heartbeat = Duration::from_secs(3600);
    let video = fixture.upload().await;
    let gate = fixture.gate("slow");
    fixture.child(&format!("{GOOD_CHILD}; {}", gate.passing()));
    let slow = fixture.start_step();
    gate.reached().await;
    fixture.pass(31.0).await;
    fixture.child(GOOD_CHILD);
    assert_eq!(fixture.step().await, StepOutcome::Processed);
    let published = fixture.log.status(video);
    gate.open();
    assert_eq!(slow.await.unwrap(), StepOutcome::Processed);
    assert_eq!(fixture.log.status(video), published);
    assert_published_once(&fixture, video, FailPoint::AfterEnd);
    assert_eq!(fixture.leases().await, 0);
}

/// A machine that was suspended wakes up in the middle of a job that is long over, and deleted.
#[tokio::test]
async fn a_worker_that_was_frozen_leaves_nothing_behind() {
    let mut fixture = WorkerFixture::new().await;
    fixture.settings.heartbeat = Duration::from_millis(100);
    let video = fixture.upload().await;
    let gate = fixture.gate("frozen");
    fixture.child(&format!("{GOOD_CHILD}; {}", gate.passing()));
    let (worker, stop) = (fixture.worker(), CancellationToken::new());
    let mut frozen = Box::pin(worker.step(Uuid::new_v4(), &stop));
    tokio::select! {
        outcome = &mut frozen => panic!("{outcome:?}"),
        () = gate.reached() => {}
    }
    // From here on nobody polls it.
    fixture.pass(31.0).await;
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
async fn a_video_that_is_deleted_in_the_middle_leaves_no_files() {
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
    assert_eq!((fixture.leases().await, fixture.step().await), (0, StepOutcome::Idle));
}

#[tokio::test]
async fn a_file_that_kills_every_worker_fails_in_the_end_and_keeps_nobody_waiting() {
    let fixture = WorkerFixture::new().await;
    let poisoned = fixture.upload().await;
    let sound = [fixture.upload().await, fixture.upload().await];
    let queue = transcoder::queue::Queue::new(fixture.pool.clone(), Duration::from_secs(30));
    let mut published = 0;
    let mut deaths = 0;
    while deaths < 3 {
        let job = queue.claim(Uuid::new_v4()).await.unwrap().unwrap();
        if job.video == poisoned {
            deaths += 1;
        } else {
            queue.hand_back(&job).await.unwrap();
            assert_eq!(fixture.step().await, StepOutcome::Processed);
            published += 1;
        }
        fixture.pass(31.0).await;
    }
    assert_eq!(published, 2, "others are not kept waiting until the last death");
    assert_eq!(fixture.step().await, StepOutcome::Failed(FailureReason::WorkerLost));
    assert_eq!(fixture.log.history(poisoned), ["failed 4 worker_lost final"]);
    assert!(sound.iter().all(|id| fixture.log.ends(*id) == 1));
    assert_eq!((fixture.leases().await, fixture.step().await), (0, StepOutcome::Idle));
}
