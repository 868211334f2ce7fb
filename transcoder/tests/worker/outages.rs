//! What is away comes back: until then nothing counts, and nothing is written about it.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use domain::VideoStatus;
use domain::event::FailureReason;
use transcoder::worker::Outcome;

use crate::world::{GOOD_CHILD, World};

const AWAY: Outcome = Outcome::Outage(FailureReason::StorageUnavailable);

#[tokio::test]
async fn a_store_that_is_away_for_hours_costs_no_attempt() {
    let mut world = World::new().await;
    world.settings.back_off = Duration::from_secs(30);
    let video = world.upload().await;
    world.storage.away.store(true, SeqCst);
    for pause in [30.0, 60.0, 120.0, 240.0, 300.0, 300.0, 300.0] {
        assert_eq!(world.step().await, AWAY);
        world.pass(pause - 5.0).await;
        assert_eq!(world.step().await, Outcome::Idle, "it waits {pause} s");
        world.pass(6.0).await;
    }
    assert!(matches!(world.log.status(video), VideoStatus::Pending));
    world.storage.away.store(false, SeqCst);
    assert_eq!(world.step().await, Outcome::Processed);
    assert_eq!(world.log.history(video), ["started 1", "processed"]);
}

#[tokio::test]
async fn an_outage_without_end_ends_in_a_failure() {
    let mut world = World::new().await;
    world.settings.outages = 4;
    let video = world.upload().await;
    world.storage.away.store(true, SeqCst);
    for _ in 0..4 {
        assert_eq!(world.step().await, AWAY);
    }
    assert_eq!(world.step().await, Outcome::Failed(FailureReason::StorageUnavailable));
    assert_eq!(world.log.history(video), ["failed 1 storage_unavailable final"]);
    assert_eq!((world.leases().await, world.step().await), (0, Outcome::Idle));
}

#[tokio::test]
async fn results_that_cannot_be_stored_are_made_again() {
    let mut world = World::new().await;
    let video = world.upload().await;
    let gate = world.gate("made");
    world.child(&format!("{GOOD_CHILD}; {}", gate.passing()));
    let step = world.start_step();
    gate.reached().await;
    world.storage.away.store(true, SeqCst);
    gate.open();
    assert_eq!(step.await.unwrap(), AWAY);
    world.storage.away.store(false, SeqCst);
    assert_eq!(world.step().await, Outcome::Processed);
    assert_eq!(world.log.history(video), ["started 1", "started 1", "processed"]);
    assert_eq!(world.results().len(), 2);
}

#[tokio::test]
async fn a_full_disk_is_an_outage_and_a_lack_of_memory_is_not() {
    let mut world = World::new().await;
    let says =
        |reason| format!("echo '{{\"failed\":{{\"reason\":\"{reason}\",\"detail\":\"\"}}}}'");
    let video = world.upload().await;
    for _ in 0..5 {
        world.child(&says("out_of_space"));
        assert_eq!(world.step().await, Outcome::Outage(FailureReason::OutOfSpace));
    }
    world.child(&says("out_of_resources"));
    for _ in 0..2 {
        assert_eq!(world.step().await, Outcome::Retry(FailureReason::OutOfResources));
    }
    assert_eq!(world.step().await, Outcome::Failed(FailureReason::OutOfResources));
    assert!(matches!(world.log.status(video), VideoStatus::Failed(_)));
}
