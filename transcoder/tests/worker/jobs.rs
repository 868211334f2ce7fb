//! Each video has exactly one end.

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use domain::VideoState;
use domain::event::FailureReason;
use tokio_util::sync::CancellationToken;
use transcoder::worker::{StepError, StepOutcome};

use crate::fixture::{BROKEN_FILE, GOOD_CHILD, STREAMING_CHILD, WorkerFixture};

#[tokio::test]
async fn a_video_is_published_and_its_lease_and_folder_are_removed() {
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
    assert_eq!(fixture.database.lease_count().await, 0);
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
async fn a_broken_file_fails_without_a_retry() {
    let mut fixture = WorkerFixture::new().await;
    fixture.child(BROKEN_FILE);
    let video = fixture.upload().await;
    assert_eq!(fixture.step().await, StepOutcome::Failed(FailureReason::Undecodable));
    assert_eq!(fixture.log.history(video), ["started 1", "failed 1 undecodable final"]);
    assert_eq!(fixture.results(), Vec::<String>::new());
    fixture.assert_no_job_left().await;
}

#[tokio::test]
async fn a_retryable_failure_is_tried_three_times() {
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
    fixture.assert_no_job_left().await;
}

#[tokio::test]
async fn the_retry_delay_grows_tenfold() {
    let mut fixture = WorkerFixture::new().await;
    fixture.child("exit 1");
    fixture.settings.first_retry_delay = Duration::from_secs(30);
    fixture.upload().await;
    for pause in [30.0, 300.0] {
        assert_eq!(fixture.step().await, StepOutcome::Retry(FailureReason::Internal));
        fixture.database.age_leases(pause - 5.0).await;
        assert_eq!(fixture.step().await, StepOutcome::Idle);
        fixture.database.age_leases(6.0).await;
    }
    assert_eq!(fixture.step().await, StepOutcome::Failed(FailureReason::Internal));
}

#[tokio::test]
async fn a_video_deleted_after_the_claim_leaves_no_objects() {
    let mut fixture = WorkerFixture::new().await;
    fixture.child(STREAMING_CHILD);
    let video = fixture.upload().await;
    // As if the job were claimed before the deletion removes its row.
    fixture.database.save_jobs().await;
    fixture.delete(video).await;
    fixture.database.restore_jobs().await;
    assert_eq!(fixture.step().await, StepOutcome::Unwanted);
    assert_eq!(fixture.results(), Vec::<String>::new());
    assert_eq!(fixture.log.history(video), ["deleted", "started 1", "processed"]);
    assert!(matches!(fixture.log.status(video), VideoState::Deleted { end: None, .. }));
    assert_eq!(fixture.database.lease_count().await, 0);
}

#[tokio::test]
async fn a_second_result_of_a_deleted_video_is_removed() {
    let fixture = WorkerFixture::new().await;
    let video = fixture.upload().await;
    fixture.database.save_jobs().await;
    assert_eq!(fixture.step().await, StepOutcome::Processed);
    fixture.delete(video).await;
    fixture.database.restore_jobs().await;
    assert_eq!(fixture.step().await, StepOutcome::Unwanted);
    assert_eq!(fixture.results(), Vec::<String>::new());
}

#[tokio::test]
async fn a_repeated_job_publishes_once_and_keeps_the_objects() {
    let fixture = WorkerFixture::new().await;
    let video = fixture.upload().await;
    fixture.database.save_jobs().await;
    assert_eq!(fixture.step().await, StepOutcome::Processed);
    let first = fixture.log.status(video);
    fixture.database.restore_jobs().await;
    assert_eq!(fixture.step().await, StepOutcome::Processed);
    assert_eq!(fixture.log.status(video), first);
    assert_eq!(fixture.results().len(), 2);
}

#[tokio::test]
async fn a_stopped_worker_releases_its_job_without_counting_the_attempt() {
    let mut fixture = WorkerFixture::new().await;
    fixture.child("sleep 60");
    let video = fixture.upload().await;
    let (worker, stop) = (fixture.worker(), CancellationToken::new());
    let running = tokio::spawn(worker.run(stop.clone()));
    while fixture.database.lease_count().await == 0 {
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
async fn a_report_is_retried_while_the_log_is_unavailable() {
    let mut fixture = WorkerFixture::new().await;
    // The first append is `processing_started`.
    fixture.child(&format!("sleep 1; {GOOD_CHILD}"));
    let video = fixture.upload().await;
    let step = fixture.start_step();
    while fixture.log.history(video).is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    fixture.log.failing_appends.store(1, SeqCst);
    assert_eq!(step.await.unwrap(), StepOutcome::Processed);
    assert_eq!(fixture.log.history(video), ["started 1", "processed"]);
}

#[tokio::test]
async fn without_a_log_no_attempt_starts_or_counts() {
    let fixture = WorkerFixture::new().await;
    let video = fixture.upload().await;
    for _ in 0..5 {
        fixture.log.failing_appends.store(1, SeqCst);
        assert!(matches!(fixture.try_step().await, Err(StepError::Log(_))));
    }
    assert_eq!(fixture.step().await, StepOutcome::Processed);
    assert_eq!(fixture.log.history(video), ["started 1", "processed"]);
}

#[tokio::test]
async fn a_job_with_a_pending_verdict_is_not_claimed_again() {
    let mut fixture = WorkerFixture::new().await;
    fixture.settings.verdict_timeout = Duration::from_millis(50);
    let video = fixture.upload().await;
    fixture.database.save_jobs().await;
    fixture.log.withholds_verdicts.store(true, SeqCst);
    assert_eq!(fixture.step().await, StepOutcome::Reported);
    assert_eq!(fixture.log.history(video), ["started 1", "processed"]);
    // As if the projection were behind: the row still exists.
    fixture.database.restore_jobs().await;
    assert_eq!(fixture.step().await, StepOutcome::Idle);
    assert_eq!(fixture.results().len(), 2);
}

#[tokio::test]
async fn a_result_that_is_a_symbolic_link_is_not_stored() {
    let mut fixture = WorkerFixture::new().await;
    fixture.child(&format!("{GOOD_CHILD}; rm video.mp4; ln -s /etc/passwd video.mp4"));
    let video = fixture.upload().await;
    assert_eq!(fixture.step().await, StepOutcome::Retry(FailureReason::Internal));
    let stored = fixture.results();
    assert!(!stored.contains(&format!("{video}.mp4")), "{stored:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_slots_process_all_jobs() {
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
