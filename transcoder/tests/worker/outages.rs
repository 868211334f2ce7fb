//! During an outage no attempt counts and nothing is appended.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use domain::VideoState;
use domain::event::FailureReason;
use transcoder::worker::StepOutcome;

use crate::fixture::{GOOD_CHILD, WorkerFixture};

const OUTAGE: StepOutcome = StepOutcome::Outage(FailureReason::StorageUnavailable);

#[tokio::test]
async fn a_long_outage_of_the_store_costs_no_attempt() {
    let mut fixture = WorkerFixture::new().await;
    fixture.settings.first_retry_delay = Duration::from_secs(30);
    let video = fixture.upload().await;
    fixture.storage.unavailable.store(true, SeqCst);
    for pause in [30.0, 60.0, 120.0, 240.0, 300.0, 300.0, 300.0] {
        assert_eq!(fixture.step().await, OUTAGE);
        fixture.database.age_leases(pause - 5.0).await;
        assert_eq!(fixture.step().await, StepOutcome::Idle, "it waits {pause} s");
        fixture.database.age_leases(6.0).await;
    }
    assert!(matches!(fixture.log.status(video), VideoState::Pending));
    fixture.storage.unavailable.store(false, SeqCst);
    assert_eq!(fixture.step().await, StepOutcome::Processed);
    assert_eq!(fixture.log.history(video), ["started 1", "processed"]);
}

#[tokio::test]
async fn after_the_maximum_of_outages_the_video_fails() {
    let mut fixture = WorkerFixture::new().await;
    fixture.settings.max_outages = 4;
    let video = fixture.upload().await;
    fixture.storage.unavailable.store(true, SeqCst);
    for _ in 0..4 {
        assert_eq!(fixture.step().await, OUTAGE);
    }
    assert_eq!(fixture.step().await, StepOutcome::Failed(FailureReason::StorageUnavailable));
    assert_eq!(fixture.log.history(video), ["failed 1 storage_unavailable final"]);
    fixture.assert_no_job_left().await;
}

#[tokio::test]
async fn results_that_were_not_stored_are_made_again() {
    let mut fixture = WorkerFixture::new().await;
    let video = fixture.upload().await;
    let gate = fixture.gate("made");
    fixture.child(&format!("{GOOD_CHILD}; {}", gate.passing()));
    let step = fixture.start_step();
    gate.reached().await;
    fixture.storage.unavailable.store(true, SeqCst);
    gate.open();
    assert_eq!(step.await.unwrap(), OUTAGE);
    fixture.storage.unavailable.store(false, SeqCst);
    assert_eq!(fixture.step().await, StepOutcome::Processed);
    assert_eq!(fixture.log.history(video), ["started 1", "started 1", "processed"]);
    assert_eq!(fixture.results().len(), 2);
}

#[tokio::test]
async fn a_full_disk_is_an_outage_and_a_lack_of_memory_is_not() {
    let mut fixture = WorkerFixture::new().await;
    let says =
        |reason| format!("echo '{{\"failed\":{{\"reason\":\"{reason}\",\"detail\":\"\"}}}}'");
    let video = fixture.upload().await;
    for _ in 0..5 {
        fixture.child(&says("out_of_space"));
        assert_eq!(fixture.step().await, StepOutcome::Outage(FailureReason::OutOfSpace));
    }
    fixture.child(&says("out_of_resources"));
    for _ in 0..2 {
        assert_eq!(fixture.step().await, StepOutcome::Retry(FailureReason::OutOfResources));
    }
    assert_eq!(fixture.step().await, StepOutcome::Failed(FailureReason::OutOfResources));
    assert!(matches!(fixture.log.status(video), VideoState::Failed(_)));
}
