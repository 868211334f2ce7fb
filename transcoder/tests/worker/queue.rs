//! Claims and leases.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use domain::VideoId;
use sqlx::PgPool;
use tokio::sync::watch;
use transcoder::queue::{Job, Queue, Wake, listen};
use uuid::Uuid;

const LEASE: Duration = Duration::from_secs(30);

struct Fixture {
    pool: PgPool,
    queue: Queue,
}

impl Fixture {
    async fn new() -> Self {
        let pool = test_services::database().await;
        Self { queue: Queue::new(pool.clone(), LEASE), pool }
    }

    /// Queues a job of somebody, `age` seconds ago.
    async fn enqueue(&self, age: f64) -> VideoId {
        self.enqueue_of(Uuid::new_v4(), age).await
    }

    async fn enqueue_of(&self, owner: Uuid, age: f64) -> VideoId {
        let video = VideoId(Uuid::new_v4());
        sqlx::query(
            "insert into transcode_jobs values
                 ($1, $3, 'originals/x.mp4', gen_random_uuid(),
                  now() - make_interval(secs => $2))",
        )
        .bind(video.0)
        .bind(age)
        .bind(owner)
        .execute(&self.pool)
        .await
        .unwrap();
        video
    }

    async fn claim(&self) -> Option<Job> {
        self.queue.claim(Uuid::new_v4()).await.unwrap()
    }

    /// Lets so many seconds pass, as far as leases are concerned.
    async fn pass(&self, seconds: f64) {
        sqlx::query(
            "update transcode_leases set lease_until = lease_until - make_interval(secs => $1),
                 not_before = not_before - make_interval(secs => $1)",
        )
        .bind(seconds)
        .execute(&self.pool)
        .await
        .unwrap();
    }

    async fn leases(&self) -> i64 {
        sqlx::query_scalar("select count(*) from transcode_leases")
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn the_oldest_job_comes_first_and_each_job_once() {
    let it = Fixture::new().await;
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
async fn many_workers_never_share_a_job() {
    let it = Fixture::new().await;
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

/// A claim that has looked before another one committed must not take the lease from it.
#[tokio::test]
async fn a_claim_that_looked_too_early_gets_nothing() {
    let it = Fixture::new().await;
    let video = it.enqueue(1.0).await;
    // The lock keeps the claim waiting at its job, after it has looked at the leases.
    let mut lease = it.pool.begin().await.unwrap();
    sqlx::query(
        "insert into transcode_leases values ($1, 1, gen_random_uuid(), now() + interval '1 min')",
    )
    .bind(video.0)
    .execute(&mut *lease)
    .await
    .unwrap();
    let late = it.queue.clone();
    let late = tokio::spawn(async move { late.claim(Uuid::new_v4()).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!late.is_finished());
    lease.commit().await.unwrap();
    assert_eq!(late.await.unwrap(), None);
}

#[tokio::test]
async fn a_lease_that_runs_out_is_taken_over_and_lost_to_its_first_holder() {
    let it = Fixture::new().await;
    it.enqueue(1.0).await;
    let first = it.claim().await.unwrap();
    it.pass(29.0).await;
    assert_eq!(it.claim().await, None);
    assert!(it.queue.extend(&first, 0).await.unwrap());
    it.pass(29.0).await;
    assert_eq!(it.claim().await, None, "a sign of life has extended the lease");

    it.pass(2.0).await;
    let second = it.claim().await.unwrap();
    assert_eq!((second.video, second.attempt), (first.video, 2));
    assert!(!it.queue.extend(&first, 0).await.unwrap());
    it.queue.finish(&first).await.unwrap();
    it.queue.put_back(&first, Duration::ZERO).await.unwrap();
    it.queue.hand_back(&first).await.unwrap();
    assert_eq!(it.claim().await, None, "the first holder has no say any more");
    assert!(it.queue.extend(&second, 0).await.unwrap());
}

#[tokio::test]
async fn keeping_ends_when_the_lease_is_lost() {
    let it = Fixture::new().await;
    it.enqueue(1.0).await;
    let first = it.claim().await.unwrap();
    let heartbeat = Duration::from_millis(50);
    let progress = watch::Sender::new(42);
    let keep = || it.queue.keep(&first, heartbeat, progress.subscribe());
    let kept = tokio::time::timeout(Duration::from_millis(300), keep());
    assert!(kept.await.is_err(), "a lease that is held is kept");
    let percent: i16 = sqlx::query_scalar("select progress from transcode_leases")
        .fetch_one(&it.pool)
        .await
        .unwrap();
    assert_eq!(percent, 42);
    it.pass(31.0).await;
    it.claim().await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), keep()).await.unwrap();
}

#[tokio::test]
async fn without_a_database_a_lease_is_lost_before_another_can_take_it() {
    let it = Fixture::new().await;
    it.enqueue(1.0).await;
    let queue = Queue::new(it.pool.clone(), Duration::from_secs(1));
    let job = queue.claim(Uuid::new_v4()).await.unwrap().unwrap();
    it.pool.close().await;
    let started = Instant::now();
    let progress = watch::Sender::new(0);
    queue.keep(&job, Duration::from_millis(100), progress.subscribe()).await;
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn after_a_failure_a_job_rests() {
    let it = Fixture::new().await;
    it.enqueue(1.0).await;
    let first = it.claim().await.unwrap();
    it.queue.put_back(&first, Duration::from_secs(60)).await.unwrap();
    it.pass(59.0).await;
    assert_eq!(it.claim().await, None);
    it.pass(2.0).await;
    assert_eq!(it.claim().await.unwrap().attempt, 2);
}

#[tokio::test]
async fn an_attempt_that_was_broken_off_does_not_count() {
    let it = Fixture::new().await;
    it.enqueue(1.0).await;
    let first = it.claim().await.unwrap();
    it.queue.hand_back(&first).await.unwrap();
    let first = it.claim().await.unwrap();
    assert_eq!(first.attempt, 1);
    it.queue.put_back(&first, Duration::ZERO).await.unwrap();
    let second = it.claim().await.unwrap();
    it.queue.hand_back(&second).await.unwrap();
    assert_eq!(it.claim().await.unwrap().attempt, 2);
}

#[tokio::test]
async fn an_outage_counts_as_one_and_not_as_an_attempt() {
    let it = Fixture::new().await;
    it.enqueue(1.0).await;
    for outages in 0..5 {
        let job = it.claim().await.unwrap();
        assert_eq!((job.attempt, job.outages), (1, outages));
        it.queue.wait_out(&job, Duration::from_secs(60)).await.unwrap();
        assert_eq!(it.claim().await, None, "it waits");
        it.pass(61.0).await;
    }
    let job = it.claim().await.unwrap();
    it.queue.put_back(&job, Duration::ZERO).await.unwrap();
    let job = it.claim().await.unwrap();
    assert_eq!((job.attempt, job.outages), (2, 5));
}

/// Whose jobs are claimed, one after another.
async fn turns(it: &Fixture, names: &[(Uuid, char)]) -> String {
    let mut turns = String::new();
    while let Some(job) = it.claim().await {
        let owner: Uuid = sqlx::query_scalar(
            "with done as (delete from transcode_jobs where video_id = $1 returning owner)
             select owner from done",
        )
        .bind(job.video.0)
        .fetch_one(&it.pool)
        .await
        .unwrap();
        it.queue.finish(&job).await.unwrap();
        turns.push(names.iter().find(|(id, _)| *id == owner).unwrap().1);
    }
    turns
}

#[tokio::test]
async fn owners_take_turns_however_many_uploads_one_of_them_has() {
    let it = Fixture::new().await;
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
async fn a_job_that_was_tried_comes_after_its_owner_s_others() {
    let it = Fixture::new().await;
    let ana = Uuid::new_v4();
    let (old, young) = (it.enqueue_of(ana, 60.0).await, it.enqueue_of(ana, 1.0).await);
    let first = it.claim().await.unwrap();
    assert_eq!(first.video, old);
    it.pass(31.0).await;
    assert_eq!(it.claim().await.unwrap().video, young, "its worker has died");
    assert_eq!(it.claim().await.unwrap().video, old);
}

#[tokio::test]
async fn only_waiting_jobs_count_and_leases_without_a_job_go_in_time() {
    let it = Fixture::new().await;
    it.enqueue(1.0).await;
    it.enqueue(1.0).await;
    let job = it.claim().await.unwrap();
    assert_eq!(it.queue.depth().await.unwrap(), 1);
    sqlx::query("delete from transcode_jobs where video_id = $1")
        .bind(job.video.0)
        .execute(&it.pool)
        .await
        .unwrap();
    assert_eq!(it.queue.tidy().await.unwrap(), 0, "the jobs may be being rebuilt");
    it.pass(25.0 * 3600.0).await;
    sqlx::query("update transcode_turns set served_at = served_at - interval '25 hours'")
        .execute(&it.pool)
        .await
        .unwrap();
    it.claim().await.unwrap();
    assert_eq!(it.queue.tidy().await.unwrap(), 1);
    assert_eq!(it.leases().await, 1);
    let turns: i64 = sqlx::query_scalar("select count(*) from transcode_turns")
        .fetch_one(&it.pool)
        .await
        .unwrap();
    assert_eq!(turns, 1, "owners without a job are forgotten");
}

#[tokio::test]
async fn a_new_job_is_announced() {
    let it = Fixture::new().await;
    let wake = Wake::new(());
    let mut woken = wake.subscribe();
    let listening = tokio::spawn(listen(it.queue.clone(), wake));
    woken.changed().await.unwrap();
    sqlx::query("select pg_notify('anb_transcode_jobs', '')").execute(&it.pool).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), woken.changed()).await.unwrap().unwrap();
    listening.abort();
}
