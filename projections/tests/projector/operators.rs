//! Operator grants whose events come in another order than their ids.

use domain::event::{OperatorGranted, OperatorRevoked};
use domain::{AccountEvent, Event};
use projections::queries::operators;

use crate::projector::erasure::fold;
use crate::projector::history::{email, person, registered};
use crate::projector::memory_log::MemoryLog;

fn granted() -> Event {
    let event = OperatorGranted { account_id: person(1) };
    Event::Account(email(1), AccountEvent::OperatorGranted(event))
}

fn revoked() -> Event {
    let event = OperatorRevoked { account_id: person(1) };
    Event::Account(email(1), AccountEvent::OperatorRevoked(event))
}

#[tokio::test]
async fn one_batch_may_end_a_grant_and_start_the_next_one() {
    let pool = test_services::database().await;
    let log = MemoryLog::new(1);
    fold(&pool, &log, 1, vec![registered(1)]).await;
    fold(&pool, &log, 90, vec![granted()]).await;
    fold(&pool, &log, 50, vec![revoked(), granted()]).await;
    let found = operators(&pool).await.unwrap();
    assert_eq!(found.iter().map(|operator| operator.account).collect::<Vec<_>>(), [person(1)]);

    fold(&pool, &log, 60, vec![revoked()]).await;
    assert_eq!(operators(&pool).await.unwrap(), []);
}
