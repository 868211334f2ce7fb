//! Claims, leases and the order of jobs.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use domain::VideoId;
use tokio::sync::watch;
use transcoder::queue::{Job, JobNotifier, JobQueue, listen};
use uuid::Uuid;

use crate::database::TestDatabase;

const LEASE: Duration = Duration::from_secs(30);

struct QueueFixture {
    database: TestDatabase,
    queue: JobQueue,
}

impl QueueFixture {
    async fn new() -> Self {
        let database = TestDatabase::new().await;
        Self { queue: JobQueue::new(database.pool.clone(), LEASE), database }
    }

    /// Queues a job of a new owner, `age` seconds ago.
    async fn enqueue(&self, age: f64) -> VideoId {
        self.enqueue_of(Uuid::new_v4(), age).await
    }

    async fn enqueue_of(&self, owner: Uuid, age: f64) -> VideoId {
        let video = VideoId(Uuid::new_v4());
        self.database.insert_job(video, owner, "originals/x.mp4", age).await;
        video
    }

    async fn claim(&self) -> Option<Job> {
        self.queue.claim(Uuid::new_v4()).await.unwrap()
    }
}

#[tokio::test]
async fn jobs_are_claimed_oldest_first_and_once_each() {
    let it = QueueFixture::new().await;
    assert_eq!(it.claim().await, None);
    let young = it.enqueue(1.0).await;
    let old = it.enqueue(60.0).await;
    let first = it.claim().await.unwrap();
    assert_eq!((first.video, first.attempt), (old, 1));
    assert!((59.0..70.0).contains(&first.waited.as_secs_f64()), "{:?}", first.waited);
    assert_eq!(it.claim().await.unwrap().video, young);
    assert_eq!(it.claim().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_workers_never_claim_the_same_job() {
    let it = QueueFixture::new().await;
    for _ in 0..40 {
        it.enqueue(1.0).await;
    }
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let queue = it.queue.clone();
        workers.spawn(async move {
            let (worker, mut claimed) = (Uuid::new_v4(), Vec::new());
            while let Some(job) = queue.claim(worker).await.unwrap() {
                claimed.push(job.video);
            }
            claimed
        });
    }
    let claimed: Vec<VideoId> = workers.join_all().await.into_iter().flatten().collect();
    assert_eq!(claimed.len(), 40);
    assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), 40);
}

/// A claim that read the leases before another claim committed must not take its lease.
#[tokio::test]
async fn a_claim_with_an_outdated_snapshot_gets_no_job() {
    let it = QueueFixture::new().await;
    let video = it.enqueue(1.0).await;
    // The row lock makes the claim wait at its job, after it has read the leases.
    let mut lease = it.database.pool.unbounded().begin().await.unwrap();
    sqlx::query(
        "insert into transcode_leases values ($1, 1, gen_random_uuid(), now() + interval '1 min')",
    )
    .bind(video.0)
    .execute(&mut *lease)
    .await
    .unwrap();
    let outdated = it.queue.clone();
    let outdated = tokio::spawn(async move { outdated.claim(Uuid::new_v4()).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!outdated.is_finished());
    lease.commit().await.unwrap();
    assert_eq!(outdated.await.unwrap(), None);
}

#[tokio::test]
async fn an_expired_lease_goes_to_the_next_worker_and_is_lost_to_the_first() {
    let it = QueueFixture::new().await;
    it.enqueue(1.0).await;
    let first = it.claim().await.unwrap();
    it.database.age_leases(29.0).await;
    assert_eq!(it.claim().await, None);
    assert!(it.queue.renew(&first, 0).await.unwrap());
    it.database.age_leases(29.0).await;
    assert_eq!(it.claim().await, None, "the lease was renewed");

    it.database.age_leases(2.0).await;
    let second = it.claim().await.unwrap();
    assert_eq!((second.video, second.attempt), (first.video, 2));
    assert!(!it.queue.renew(&first, 0).await.unwrap());
    it.queue.finish(&first).await.unwrap();
    it.queue.retry_later(&first, Duration::ZERO).await.unwrap();
    it.queue.release(&first).await.unwrap();
    assert_eq!(it.claim().await, None, "the first worker no longer has the lease");
    assert!(it.queue.renew(&second, 0).await.unwrap());
}

#[tokio::test]
async fn renewing_returns_when_the_lease_is_lost() {
    let it = QueueFixture::new().await;
    it.enqueue(1.0).await;
    let first = it.claim().await.unwrap();
    let heartbeat = Duration::from_millis(50);
    let progress = watch::Sender::new(42);
    let renewing = || it.queue.renew_until_lost(&first, heartbeat, progress.subscribe());
    let renewed = tokio::time::timeout(Duration::from_millis(300), renewing());
    assert!(renewed.await.is_err(), "a lease that is held is renewed");
    let percent: i16 = sqlx::query_scalar("select progress from transcode_leases")
        .fetch_one(&it.database.pool)
        .await
        .unwrap();
    assert_eq!(percent, 42);
    it.database.age_leases(31.0).await;
    it.claim().await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), renewing()).await.unwrap();
}

#[tokio::test]
async fn without_a_database_a_lease_counts_as_lost_before_it_expires() {
    let it = QueueFixture::new().await;
    it.enqueue(1.0).await;
    let queue = JobQueue::new(it.database.pool.clone(), Duration::from_secs(1));
    let job = queue.claim(Uuid::new_v4()).await.unwrap().unwrap();
    it.database.pool.close().await;
    let started = Instant::now();
    let progress = watch::Sender::new(0);
    queue.renew_until_lost(&job, Duration::from_millis(100), progress.subscribe()).await;
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_failed_job_is_not_claimed_before_its_delay_ends() {
    let it = QueueFixture::new().await;
    it.enqueue(1.0).await;
    let first = it.claim().await.unwrap();
    it.queue.retry_later(&first, Duration::from_secs(60)).await.unwrap();
    it.database.age_leases(59.0).await;
    assert_eq!(it.claim().await, None);
    it.database.age_leases(2.0).await;
    assert_eq!(it.claim().await.unwrap().attempt, 2);
}

#[tokio::test]
async fn a_released_attempt_does_not_count() {
    let it = QueueFixture::new().await;
    it.enqueue(1.0).await;
    let first = it.claim().await.unwrap();
    it.queue.release(&first).await.unwrap();
    let first = it.claim().await.unwrap();
    assert_eq!(first.attempt, 1);
    it.queue.retry_later(&first, Duration::ZERO).await.unwrap();
    let second = it.claim().await.unwrap();
    it.queue.release(&second).await.unwrap();
    assert_eq!(it.claim().await.unwrap().attempt, 2);
}

#[tokio::test]
async fn an_outage_counts_as_one_and_not_as_an_attempt() {
    let it = QueueFixture::new().await;
    it.enqueue(1.0).await;
    for outages in 0..5 {
        let job = it.claim().await.unwrap();
        assert_eq!((job.attempt, job.outages), (1, outages));
        it.queue.retry_after_outage(&job, Duration::from_secs(60)).await.unwrap();
        assert_eq!(it.claim().await, None, "it waits");
        it.database.age_leases(61.0).await;
    }
    let job = it.claim().await.unwrap();
    it.queue.retry_later(&job, Duration::ZERO).await.unwrap();
    let job = it.claim().await.unwrap();
    assert_eq!((job.attempt, job.outages), (2, 5));
}

/// Claims and ends all jobs. Returns their owners' names in order.
async fn turns(it: &QueueFixture, names: &[(Uuid, char)]) -> String {
    let mut turns = String::new();
    while let Some(job) = it.claim().await {
        let owner: Uuid = sqlx::query_scalar(
            "with done as (delete from transcode_jobs where video_id = $1 returning owner)
             select owner from done",
        )
        .bind(job.video.0)
        .fetch_one(&it.database.pool)
        .await
        .unwrap();
        it.queue.finish(&job).await.unwrap();
        turns.push(names.iter().find(|(id, _)| *id == owner).unwrap().1);
    }
    turns
}

#[tokio::test]
async fn owners_are_served_round_robin_for_any_number_of_uploads() {
    let it = QueueFixture::new().await;
    let names = ['a', 'b', 'c'].map(|name| (Uuid::new_v4(), name));
    let [(ana, _), (beto, _), (carla, _)] = names;
    for age in 0..50 {
        it.enqueue_of(ana, 1000.0 - f64::from(age)).await;
    }
    for age in 0..3 {
        it.enqueue_of(beto, 100.0 - f64::from(age)).await;
    }
    it.enqueue_of(carla, 1.0).await;
    let turns = turns(&it, &names).await;
    assert_eq!(turns, format!("abcabab{}", "a".repeat(47)));
}

#[tokio::test]
async fn a_retried_job_comes_after_its_owners_other_jobs() {
    let it = QueueFixture::new().await;
    let ana = Uuid::new_v4();
    let (old, young) = (it.enqueue_of(ana, 60.0).await, it.enqueue_of(ana, 1.0).await);
    let first = it.claim().await.unwrap();
    assert_eq!(first.video, old);
    it.database.age_leases(31.0).await;
    assert_eq!(it.claim().await.unwrap().video, young, "the first worker died");
    assert_eq!(it.claim().await.unwrap().video, old);
}

#[tokio::test]
async fn depth_counts_waiting_jobs_and_stale_leases_are_deleted() {
    let it = QueueFixture::new().await;
    it.enqueue(1.0).await;
    it.enqueue(1.0).await;
    let job = it.claim().await.unwrap();
    assert_eq!(it.queue.depth().await.unwrap(), 1);
    sqlx::query("delete from transcode_jobs where video_id = $1")
        .bind(job.video.0)
        .execute(&it.database.pool)
        .await
        .unwrap();
    assert_eq!(it.queue.delete_stale_leases().await.unwrap(), 0, "a rebuild may restore the job");
    it.database.age_leases(25.0 * 3600.0).await;
    sqlx::query("update transcode_turns set served_at = served_at - interval '25 hours'")
        .execute(&it.database.pool)
        .await
        .unwrap();
    it.claim().await.unwrap();
    assert_eq!(it.queue.delete_stale_leases().await.unwrap(), 1);
    assert_eq!(it.database.lease_count().await, 1);
    let turns: i64 = sqlx::query_scalar("select count(*) from transcode_turns")
        .fetch_one(&it.database.pool)
        .await
        .unwrap();
    assert_eq!(turns, 1, "turns of owners without a job are deleted");
}

#[tokio::test]
async fn a_new_job_wakes_the_worker() {
    let it = QueueFixture::new().await;
    let notifier = JobNotifier::new(());
    let mut woken = notifier.subscribe();
    let listening = tokio::spawn(listen(it.database.pool.clone(), notifier));
    woken.changed().await.unwrap();
    sqlx::query("select pg_notify('anb_transcode_jobs', '')")
        .execute(&it.database.pool)
        .await
        .unwrap();
    tokio::time::timeout(Duration::from_secs(5), woken.changed()).await.unwrap().unwrap();
    listening.abort();
}
