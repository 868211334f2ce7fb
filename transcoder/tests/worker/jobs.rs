//! Whatever happens, a video comes to exactly one end.

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use domain::VideoStatus;
use domain::event::FailureReason;
use tokio_util::sync::CancellationToken;
use transcoder::worker::{Outcome, StepError};
use uuid::Uuid;

use crate::world::{BROKEN_FILE, GOOD_CHILD, STREAMING_CHILD, World};

#[tokio::test]
async fn a_video_is_published_and_nothing_is_left_behind() {
    let world = World::new().await;
    assert_eq!(world.step().await, Outcome::Idle);
    let video = world.upload().await;
    assert_eq!(world.step().await, Outcome::Processed);
    assert_eq!(world.log.history(video), ["started 1", "processed"]);
    let VideoStatus::Processed(published) = world.log.status(video) else { panic!() };
    assert_eq!(published.processed_key, format!("processed/{video}.mp4"));
    assert_eq!(published.poster_key, format!("posters/{video}.jpg"));
    assert_eq!((published.width, published.height, published.bytes), (320, 180, 4));
    assert_eq!(world.results().len(), 2);
    assert_eq!(world.leases().await, 0);
    assert_eq!(world.step().await, Outcome::Idle);
    world.assert_no_scraps();
}

#[tokio::test]
async fn an_adaptive_stream_is_stored_beside_the_video() {
    let mut world = World::new().await;
    world.child(STREAMING_CHILD);
    let video = world.upload().await;
    assert_eq!(world.step().await, Outcome::Processed);
    let VideoStatus::Processed(published) = world.log.status(video) else { panic!() };
    assert_eq!(published.hls_key, Some(format!("hls/{video}/master.m3u8")));
    let list = world.text(&format!("hls/{video}/180p.m3u8"));
    assert!(list.contains("#EXT-X-BYTERANGE:4@8\n180p.mp4\n"), "{list}");
    assert!(world.text(&format!("hls/{video}/master.m3u8")).ends_with("\n180p.m3u8\n"));
    assert_eq!(world.text(&format!("hls/{video}/180p.mp4")), "headparttail");
    assert_eq!(world.results().len(), 5);
}

#[tokio::test]
async fn a_broken_file_fails_at_once_and_for_good() {
    let mut world = World::new().await;
    world.child(BROKEN_FILE);
    let video = world.upload().await;
    assert_eq!(world.step().await, Outcome::Failed(FailureReason::Undecodable));
    assert_eq!(world.log.history(video), ["started 1", "failed 1 undecodable final"]);
    assert_eq!(world.results(), Vec::<String>::new());
    assert_eq!((world.leases().await, world.step().await), (0, Outcome::Idle));
}

#[tokio::test]
async fn our_own_faults_are_tried_three_times() {
    let mut world = World::new().await;
    world.child("kill -SEGV $$");
    let video = world.upload().await;
    assert_eq!(world.step().await, Outcome::Retry(FailureReason::Internal));
    assert!(matches!(world.log.status(video), VideoStatus::Pending));
    assert_eq!(world.step().await, Outcome::Retry(FailureReason::Internal));
    assert_eq!(world.step().await, Outcome::Failed(FailureReason::Internal));
    let wanted = [
        "started 1",
        "failed 1 internal",
        "started 2",
        "failed 2 internal",
        "started 3",
        "failed 3 internal final",
    ];
    assert_eq!(world.log.history(video), wanted);
    assert_eq!((world.leases().await, world.step().await), (0, Outcome::Idle));
}

#[tokio::test]
async fn after_a_failure_the_pause_grows() {
    let mut world = World::new().await;
    world.child("exit 1");
    world.settings.back_off = Duration::from_secs(30);
    world.upload().await;
    for pause in [30.0, 300.0] {
        assert_eq!(world.step().await, Outcome::Retry(FailureReason::Internal));
        world.pass(pause - 5.0).await;
        assert_eq!(world.step().await, Outcome::Idle);
        world.pass(6.0).await;
    }
    assert_eq!(world.step().await, Outcome::Failed(FailureReason::Internal));
}

#[tokio::test]
async fn a_video_that_is_deleted_meanwhile_leaves_no_files() {
    let mut world = World::new().await;
    world.child(STREAMING_CHILD);
    let video = world.upload().await;
    let worker = world.worker();
    let stop = CancellationToken::new();
    // The job is claimed before the deletion takes its row away.
    sqlx::query("create table held as select * from transcode_jobs")
        .execute(&world.pool)
        .await
        .unwrap();
    world.delete(video).await;
    sqlx::query("insert into transcode_jobs select * from held")
        .execute(&world.pool)
        .await
        .unwrap();
    assert_eq!(worker.step(Uuid::new_v4(), &stop).await.unwrap(), Outcome::Unwanted);
    assert_eq!(world.results(), Vec::<String>::new());
    assert_eq!(world.log.history(video), ["deleted", "started 1", "processed"]);
    assert!(matches!(world.log.status(video), VideoStatus::Deleted { end: None, .. }));
    assert_eq!(world.leases().await, 0);
}

#[tokio::test]
async fn a_second_result_of_a_video_that_was_deleted_since_is_removed() {
    let world = World::new().await;
    let video = world.upload().await;
    sqlx::query("create table held as select * from transcode_jobs")
        .execute(&world.pool)
        .await
        .unwrap();
    assert_eq!(world.step().await, Outcome::Processed);
    world.delete(video).await;
    sqlx::query("insert into transcode_jobs select * from held")
        .execute(&world.pool)
        .await
        .unwrap();
    assert_eq!(world.step().await, Outcome::Unwanted);
    assert_eq!(world.results(), Vec::<String>::new());
}

#[tokio::test]
async fn doing_it_twice_publishes_once_and_keeps_the_files() {
    let world = World::new().await;
    let video = world.upload().await;
    sqlx::query("create table held as select * from transcode_jobs")
        .execute(&world.pool)
        .await
        .unwrap();
    assert_eq!(world.step().await, Outcome::Processed);
    let first = world.log.status(video);
    sqlx::query("insert into transcode_jobs select * from held")
        .execute(&world.pool)
        .await
        .unwrap();
    assert_eq!(world.step().await, Outcome::Processed);
    assert_eq!(world.log.status(video), first);
    assert_eq!(world.results().len(), 2);
}

#[tokio::test]
async fn stopping_hands_the_job_back_uncounted() {
    let mut world = World::new().await;
    world.child("sleep 60");
    let video = world.upload().await;
    let (worker, stop) = (world.worker(), CancellationToken::new());
    let running = tokio::spawn(worker.run(stop.clone()));
    while world.leases().await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stopped = Instant::now();
    stop.cancel();
    running.await.unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(2));
    world.assert_no_scraps();
    world.child(GOOD_CHILD);
    assert_eq!(world.step().await, Outcome::Processed);
    assert_eq!(world.log.history(video), ["started 1", "started 1", "processed"]);
}

#[tokio::test]
async fn a_log_that_is_away_for_a_moment_is_waited_for() {
    let mut world = World::new().await;
    // The first append is that of the beginning.
    world.child(&format!("sleep 1; {GOOD_CHILD}"));
    let video = world.upload().await;
    let (worker, stop) = (world.worker(), CancellationToken::new());
    let step = tokio::spawn(async move { worker.step(Uuid::new_v4(), &stop).await.unwrap() });
    while world.log.history(video).is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.log.away.store(1, SeqCst);
    assert_eq!(step.await.unwrap(), Outcome::Processed);
    assert_eq!(world.log.history(video), ["started 1", "processed"]);
}

#[tokio::test]
async fn without_a_log_nothing_is_begun_and_nothing_counts() {
    let world = World::new().await;
    let video = world.upload().await;
    for _ in 0..5 {
        world.log.away.store(1, SeqCst);
        assert!(matches!(world.try_step().await, Err(StepError::Log(_))));
    }
    assert_eq!(world.step().await, Outcome::Processed);
    assert_eq!(world.log.history(video), ["started 1", "processed"]);
}

#[tokio::test]
async fn a_report_without_a_verdict_leaves_the_job_alone() {
    let mut world = World::new().await;
    world.settings.verdict_deadline = Duration::from_millis(50);
    let video = world.upload().await;
    sqlx::query("create table held as select * from transcode_jobs")
        .execute(&world.pool)
        .await
        .unwrap();
    world.log.silent.store(true, SeqCst);
    assert_eq!(world.step().await, Outcome::Reported);
    assert_eq!(world.log.history(video), ["started 1", "processed"]);
    // The projection has not come to it: the row is still there.
    sqlx::query("insert into transcode_jobs select * from held")
        .execute(&world.pool)
        .await
        .unwrap();
    assert_eq!(world.step().await, Outcome::Idle);
    assert_eq!(world.results().len(), 2);
}

#[tokio::test]
async fn a_result_that_is_no_file_is_not_followed() {
    let mut world = World::new().await;
    world.child(&format!("{GOOD_CHILD}; rm video.mp4; ln -s /etc/passwd video.mp4"));
    let video = world.upload().await;
    assert_eq!(world.step().await, Outcome::Retry(FailureReason::Internal));
    let stored = world.results();
    assert!(!stored.contains(&format!("{video}.mp4")), "{stored:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_slots_share_the_work() {
    let mut world = World::new().await;
    world.settings.slots = 3.try_into().unwrap();
    let videos =
        [world.upload().await, world.upload().await, world.upload().await, world.upload().await];
    let (worker, stop) = (world.worker(), CancellationToken::new());
    let running = tokio::spawn(worker.run(stop.clone()));
    let done = || {
        let done = |video| matches!(world.log.status(video), VideoStatus::Processed(_));
        videos.into_iter().all(done)
    };
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    running.await.unwrap();
    assert_eq!(world.results().len(), 8);
}
