//! Whatever happens, a video comes to exactly one end.

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use domain::VideoState;
use domain::event::FailureReason;
use tokio_util::sync::CancellationToken;
use transcoder::worker::{StepError, StepOutcome};
use uuid::Uuid;

use crate::fixture::{BROKEN_FILE, GOOD_CHILD, STREAMING_CHILD, WorkerFixture};

#[tokio::test]
async fn a_video_is_published_and_nothing_is_left_behind() {
    let fixture = WorkerFixture::new().await;
    assert_eq!(fixture.step().await, StepOutcome::Idle);
    let video = fixture.upload().await;
    assert_eq!(fixture.step().await, StepOutcome::Processed);
    assert_eq!(fixture.log.history(video), ["started 1", "processed"]);
    let VideoState::Processed(published) = fixture.log.status(video) else { panic!() };
    assert_eq!(published.processed_key, format!("processed/{video}.mp4"));
    assert_eq!(published.poster_key, format!("posters/{video}.jpg"));
    assert_eq!((published.width, published.height, published.bytes), (320, 180, 4));
    assert_eq!(fixture.results().len(), 2);
    assert_eq!(fixture.leases().await, 0);
    assert_eq!(fixture.step().await, StepOutcome::Idle);
    fixture.assert_no_scraps();
}

#[tokio::test]
async fn an_adaptive_stream_is_stored_beside_the_video() {
    let mut fixture = WorkerFixture::new().await;
    fixture.child(STREAMING_CHILD);
    let video = fixture.upload().await;
    assert_eq!(fixture.step().await, StepOutcome::Processed);
    let VideoState::Processed(published) = fixture.log.status(video) else { panic!() };
    assert_eq!(published.hls_key, Some(format!("hls/{video}/master.m3u8")));
    let list = fixture.text(&format!("hls/{video}/180p.m3u8"));
    assert!(list.contains("#EXT-X-BYTERANGE:4@8\n180p.mp4\n"), "{list}");
    assert!(fixture.text(&format!("hls/{video}/master.m3u8")).ends_with("\n180p.m3u8\n"));
    assert_eq!(fixture.text(&format!("hls/{video}/180p.mp4")), "headparttail");
    assert_eq!(fixture.results().len(), 5);
}

#[tokio::test]
async fn a_broken_file_fails_at_once_and_for_good() {
    let mut fixture = WorkerFixture::new().await;
    fixture.child(BROKEN_FILE);
    let video = fixture.upload().await;
    assert_eq!(fixture.step().await, StepOutcome::Failed(FailureReason::Undecodable));
    assert_eq!(fixture.log.history(video), ["started 1", "failed 1 undecodable final"]);
    assert_eq!(fixture.results(), Vec::<String>::new());
    assert_eq!((fixture.leases().await, fixture.step().await), (0, StepOutcome::Idle));
}

#[tokio::test]
async fn our_own_faults_are_tried_three_times() {
    let mut fixture = WorkerFixture::new().await;
    fixture.child("kill -SEGV $$");
    let video = fixture.upload().await;
    assert_eq!(fixture.step().await, StepOutcome::Retry(FailureReason::Internal));
    assert!(matches!(fixture.log.status(video), VideoState::Pending));
    assert_eq!(fixture.step().await, StepOutcome::Retry(FailureReason::Internal));
    assert_eq!(fixture.step().await, StepOutcome::Failed(FailureReason::Internal));
    let wanted = [
        "started 1",
        "failed 1 internal",
        "started 2",
        "failed 2 internal",
        "started 3",
        "failed 3 internal final",
    ];
    assert_eq!(fixture.log.history(video), wanted);
    assert_eq!((fixture.leases().await, fixture.step().await), (0, StepOutcome::Idle));
}

#[tokio::test]
async fn after_a_failure_the_pause_grows() {
    let mut fixture = WorkerFixture::new().await;
    fixture.child("exit 1");
    fixture.settings.back_off = Duration::from_secs(30);
    fixture.upload().await;
    for pause in [30.0, 300.0] {
        assert_eq!(fixture.step().await, StepOutcome::Retry(FailureReason::Internal));
        fixture.pass(pause - 5.0).await;
        assert_eq!(fixture.step().await, StepOutcome::Idle);
        fixture.pass(6.0).await;
    }
    assert_eq!(fixture.step().await, StepOutcome::Failed(FailureReason::Internal));
}

#[tokio::test]
async fn a_video_that_is_deleted_meanwhile_leaves_no_files() {
    let mut fixture = WorkerFixture::new().await;
    fixture.child(STREAMING_CHILD);
    let video = fixture.upload().await;
    let worker = fixture.worker();
    let stop = CancellationToken::new();
    // The job is claimed before the deletion takes its row away.
    sqlx::query("create table held as select * from transcode_jobs")
        .execute(&fixture.pool)
        .await
        .unwrap();
    fixture.delete(video).await;
    sqlx::query("insert into transcode_jobs select * from held")
        .execute(&fixture.pool)
        .await
        .unwrap();
    assert_eq!(worker.step(Uuid::new_v4(), &stop).await.unwrap(), StepOutcome::Unwanted);
    assert_eq!(fixture.results(), Vec::<String>::new());
    assert_eq!(fixture.log.history(video), ["deleted", "started 1", "processed"]);
    assert!(matches!(fixture.log.status(video), VideoState::Deleted { end: None, .. }));
    assert_eq!(fixture.leases().await, 0);
}

#[tokio::test]
async fn a_second_result_of_a_video_that_was_deleted_since_is_removed() {
    let fixture = WorkerFixture::new().await;
    let video = fixture.upload().await;
    sqlx::query("create table held as select * from transcode_jobs")
        .execute(&fixture.pool)
        .await
        .unwrap();
    assert_eq!(fixture.step().await, StepOutcome::Processed);
    fixture.delete(video).await;
    sqlx::query("insert into transcode_jobs select * from held")
        .execute(&fixture.pool)
        .await
        .unwrap();
    assert_eq!(fixture.step().await, StepOutcome::Unwanted);
    assert_eq!(fixture.results(), Vec::<String>::new());
}

#[tokio::test]
async fn doing_it_twice_publishes_once_and_keeps_the_files() {
    let fixture = WorkerFixture::new().await;
    let video = fixture.upload().await;
    sqlx::query("create table held as select * from transcode_jobs")
        .execute(&fixture.pool)
        .await
        .unwrap();
    assert_eq!(fixture.step().await, StepOutcome::Processed);
    let first = fixture.log.status(video);
    sqlx::query("insert into transcode_jobs select * from held")
        .execute(&fixture.pool)
        .await
        .unwrap();
    assert_eq!(fixture.step().await, StepOutcome::Processed);
    assert_eq!(fixture.log.status(video), first);
    assert_eq!(fixture.results().len(), 2);
}

#[tokio::test]
async fn stopping_hands_the_job_back_uncounted() {
    let mut fixture = WorkerFixture::new().await;
    fixture.child("sleep 60");
    let video = fixture.upload().await;
    let (worker, stop) = (fixture.worker(), CancellationToken::new());
    let running = tokio::spawn(worker.run(stop.clone()));
    while fixture.leases().await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stopped = Instant::now();
    stop.cancel();
    running.await.unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(2));
    fixture.assert_no_scraps();
    fixture.child(GOOD_CHILD);
    assert_eq!(fixture.step().await, StepOutcome::Processed);
    assert_eq!(fixture.log.history(video), ["started 1", "started 1", "processed"]);
}

#[tokio::test]
async fn a_log_that_is_away_for_a_moment_is_waited_for() {
    let mut fixture = WorkerFixture::new().await;
    // The first append is that of the beginning.
    fixture.child(&format!("sleep 1; {GOOD_CHILD}"));
    let video = fixture.upload().await;
    let (worker, stop) = (fixture.worker(), CancellationToken::new());
    let step = tokio::spawn(async move { worker.step(Uuid::new_v4(), &stop).await.unwrap() });
    while fixture.log.history(video).is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    fixture.log.away.store(1, SeqCst);
    assert_eq!(step.await.unwrap(), StepOutcome::Processed);
    assert_eq!(fixture.log.history(video), ["started 1", "processed"]);
}

#[tokio::test]
async fn without_a_log_nothing_is_begun_and_nothing_counts() {
    let fixture = WorkerFixture::new().await;
    let video = fixture.upload().await;
    for _ in 0..5 {
        fixture.log.away.store(1, SeqCst);
        assert!(matches!(fixture.try_step().await, Err(StepError::Log(_))));
    }
    assert_eq!(fixture.step().await, StepOutcome::Processed);
    assert_eq!(fixture.log.history(video), ["started 1", "processed"]);
}

#[tokio::test]
async fn a_report_without_a_verdict_leaves_the_job_alone() {
    let mut fixture = WorkerFixture::new().await;
    fixture.settings.verdict_timeout = Duration::from_millis(50);
    let video = fixture.upload().await;
    sqlx::query("create table held as select * from transcode_jobs")
        .execute(&fixture.pool)
        .await
        .unwrap();
    fixture.log.silent.store(true, SeqCst);
    assert_eq!(fixture.step().await, StepOutcome::Reported);
    assert_eq!(fixture.log.history(video), ["started 1", "processed"]);
    // The projection has not come to it: the row is still there.
    sqlx::query("insert into transcode_jobs select * from held")
        .execute(&fixture.pool)
        .await
        .unwrap();
    assert_eq!(fixture.step().await, StepOutcome::Idle);
    assert_eq!(fixture.results().len(), 2);
}

#[tokio::test]
async fn a_result_that_is_no_file_is_not_followed() {
    let mut fixture = WorkerFixture::new().await;
    fixture.child(&format!("{GOOD_CHILD}; rm video.mp4; ln -s /etc/passwd video.mp4"));
    let video = fixture.upload().await;
    assert_eq!(fixture.step().await, StepOutcome::Retry(FailureReason::Internal));
    let stored = fixture.results();
    assert!(!stored.contains(&format!("{video}.mp4")), "{stored:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_slots_share_the_work() {
    let mut fixture = WorkerFixture::new().await;
    fixture.settings.slots = 3.try_into().unwrap();
    let videos = [
        fixture.upload().await,
        fixture.upload().await,
        fixture.upload().await,
        fixture.upload().await,
    ];
    let (worker, stop) = (fixture.worker(), CancellationToken::new());
    let running = tokio::spawn(worker.run(stop.clone()));
    let done = || {
        let done = |video| matches!(fixture.log.status(video), VideoState::Processed(_));
        videos.into_iter().all(done)
    };
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    running.await.unwrap();
    assert_eq!(fixture.results().len(), 8);
}
