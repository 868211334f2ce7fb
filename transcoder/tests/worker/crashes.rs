//! Workers that die, freeze, or race: one outcome, and the objects that belong to it.

use std::time::Duration;

use domain::event::FailureReason;
use domain::{VideoId, VideoStatus};
use tokio_util::sync::CancellationToken;
use transcoder::worker::Outcome;
use uuid::Uuid;

use crate::world::{GOOD_CHILD, Point, World};

/// A worker is stopped dead at a point of its job: whatever it would have done next is not done.
async fn crash_at(world: &World, point: Point) {
    world.trap.arm(point);
    let step = world.start_step();
    world.trap.sprung().await;
    step.abort();
    assert!(step.await.unwrap_err().is_cancelled());
}

/// The other workers go on until there is nothing to do.
async fn recover(world: &World) {
    world.pass(31.0).await;
    for _ in 0..10 {
        if world.step().await == Outcome::Idle {
            return;
        }
    }
    panic!("the job comes to no end");
}

fn assert_published_once(world: &World, video: VideoId, point: Point) {
    assert!(matches!(world.log.status(video), VideoStatus::Processed(_)), "{point:?}");
    assert_eq!(world.log.ends(video), 1, "{point:?}: {:?}", world.log.history(video));
    let results = [format!("{video}.jpg"), format!("{video}.mp4")];
    assert_eq!(world.results(), results, "{point:?}");
}

#[tokio::test]
async fn a_crash_at_any_step_ends_in_one_outcome() {
    for point in [
        Point::Claimed,
        Point::BeforeStarted,
        Point::AfterStarted,
        Point::Upload,
        Point::BeforeEnd,
        Point::AfterEnd,
    ] {
        let world = World::new().await;
        let video = world.upload().await;
        crash_at(&world, point).await;
        recover(&world).await;
        assert_published_once(&world, video, point);
    }
}

#[tokio::test]
async fn a_crash_after_the_first_byte_of_output_ends_in_one_outcome() {
    let mut world = World::new().await;
    let video = world.upload().await;
    let gate = world.gate("first-byte");
    world.child(&format!("printf f >video.mp4; {}", gate.passing()));
    let step = world.start_step();
    gate.reached().await;
    step.abort();
    assert!(step.await.unwrap_err().is_cancelled());
    world.child(GOOD_CHILD);
    recover(&world).await;
    assert_published_once(&world, video, Point::AfterStarted);
    world.assert_no_scraps();
}

#[tokio::test]
async fn a_worker_that_loses_its_lease_stops_and_the_next_one_finishes() {
    let mut world = World::new().await;
    world.settings.lease = Duration::from_millis(600);
    world.settings.heartbeat = Duration::from_millis(100);
    world.child("sleep 60");
    let video = world.upload().await;
    let (slow, stop) = (world.worker(), CancellationToken::new());
    let slow = tokio::spawn(async move { slow.step(Uuid::new_v4(), &stop).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.pass(3600.0).await;
    world.child(GOOD_CHILD);
    // A sign of life may come first; then the lease must be taken away once more.
    while world.step().await == Outcome::Idle {
        world.pass(3600.0).await;
    }
    assert_eq!(slow.await.unwrap(), Outcome::LeaseLost);
    assert_eq!(world.log.history(video), ["started 1", "started 2", "processed"]);
    assert_eq!(world.leases().await, 0);
    world.assert_no_scraps();
}

/// Both finish: the lease of the first was taken from it while it did not look.
#[tokio::test]
async fn two_workers_that_both_finish_publish_once() {
    let mut world = World::new().await;
    world.settings.heartbeat = Duration::from_secs(3600);
    let video = world.upload().await;
    let gate = world.gate("slow");
    world.child(&format!("{GOOD_CHILD}; {}", gate.passing()));
    let slow = world.start_step();
    gate.reached().await;
    world.pass(31.0).await;
    world.child(GOOD_CHILD);
    assert_eq!(world.step().await, Outcome::Processed);
    let published = world.log.status(video);
    gate.open();
    assert_eq!(slow.await.unwrap(), Outcome::Processed);
    assert_eq!(world.log.status(video), published);
    assert_published_once(&world, video, Point::AfterEnd);
    assert_eq!(world.leases().await, 0);
}

/// A machine that was suspended wakes up in the middle of a job that is long over, and deleted.
#[tokio::test]
async fn a_worker_that_was_frozen_leaves_nothing_behind() {
    let mut world = World::new().await;
    world.settings.heartbeat = Duration::from_millis(100);
    let video = world.upload().await;
    let gate = world.gate("frozen");
    world.child(&format!("{GOOD_CHILD}; {}", gate.passing()));
    let (worker, stop) = (world.worker(), CancellationToken::new());
    let mut frozen = Box::pin(worker.step(Uuid::new_v4(), &stop));
    tokio::select! {
        outcome = &mut frozen => panic!("{outcome:?}"),
        () = gate.reached() => {}
    }
    // From here on nobody polls it.
    world.pass(31.0).await;
    world.child(GOOD_CHILD);
    assert_eq!(world.step().await, Outcome::Processed);
    world.delete(video).await;
    gate.open();
    let outcome = frozen.await.unwrap();
    assert!(matches!(outcome, Outcome::LeaseLost | Outcome::Unwanted), "{outcome:?}");
    assert_eq!(world.log.ends(video), 1);
    assert!(matches!(world.log.status(video), VideoStatus::Deleted { .. }));
    assert_eq!(world.results(), Vec::<String>::new(), "of a deleted video");
}

#[tokio::test]
async fn a_video_that_is_deleted_in_the_middle_leaves_no_files() {
    let mut world = World::new().await;
    let video = world.upload().await;
    let gate = world.gate("middle");
    world.child(&format!("{GOOD_CHILD}; {}", gate.passing()));
    let step = world.start_step();
    gate.reached().await;
    world.delete(video).await;
    gate.open();
    assert_eq!(step.await.unwrap(), Outcome::Unwanted);
    assert_eq!(world.results(), Vec::<String>::new());
    assert_eq!((world.leases().await, world.step().await), (0, Outcome::Idle));
}

#[tokio::test]
async fn a_file_that_kills_every_worker_fails_in_the_end_and_keeps_nobody_waiting() {
    let world = World::new().await;
    let poisoned = world.upload().await;
    let sound = [world.upload().await, world.upload().await];
    let queue = transcoder::queue::Queue::new(world.pool.clone(), Duration::from_secs(30));
    let mut published = 0;
    let mut deaths = 0;
    while deaths < 3 {
        let job = queue.claim(Uuid::new_v4()).await.unwrap().unwrap();
        if job.video == poisoned {
            deaths += 1;
        } else {
            queue.hand_back(&job).await.unwrap();
            assert_eq!(world.step().await, Outcome::Processed);
            published += 1;
        }
        world.pass(31.0).await;
    }
    assert_eq!(published, 2, "others are not kept waiting until the last death");
    assert_eq!(world.step().await, Outcome::Failed(FailureReason::WorkerLost));
    assert_eq!(world.log.history(poisoned), ["failed 4 worker_lost final"]);
    assert!(sound.iter().all(|id| world.log.ends(*id) == 1));
    assert_eq!((world.leases().await, world.step().await), (0, Outcome::Idle));
}
