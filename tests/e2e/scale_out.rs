//! Several processes of each role: takeover, waiting commands, rolling restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::VideoId;
use tokio::task::JoinHandle;

use super::harness::client::SendRequest;
use super::harness::load_balancer::LoadBalancer;
use super::harness::server::free_port;
use super::harness::vote_load::{VoteLoad, assert_ranking_shows_every_vote};
use super::harness::{ApiClient, Person, Roles, Server, TestEnvironment, Upload, clip, eventually};

/// Bounds the time until a crashed or frozen projector is replaced.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(5);
const VOTERS: usize = 16;
const VIDEOS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_projector_is_replaced_within_five_seconds() {
    let env = TestEnvironment::cluster().await;
    let mut owner = Server::launch(&env, Roles::Projector, free_port(), &[]);
    let first = owner_of_all(&env, None).await;
    let _standby = Server::launch(&env, Roles::Projector, free_port(), &[]);
    let server = Server::start(&env, Roles::Api).await;
    owner.kill().await;
    let killed = Instant::now();
    owner_of_all(&env, Some(first)).await;
    assert!(killed.elapsed() < TAKEOVER_TIMEOUT, "it took {:?}", killed.elapsed());
    server.api.new_person("Ana").await;
}

/// Under a load of votes the owner is frozen, replaced and resumed four times.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_projector_is_replaced_and_corrupts_nothing_when_it_resumes() {
    let env = TestEnvironment::cluster().await;
    let mut owner = Server::launch(&env, Roles::Projector, free_port(), &[]);
    let mut session = owner_of_all(&env, None).await;
    let mut standby = Server::launch(&env, Roles::Projector, free_port(), &[]);
    let server = Server::start(&env, Roles::Api).await;
    let (vote_load, _) =
        start_vote_load(&env, &server.api, &LoadBalancer::over([&server.api])).await;

    for _ in 0..4 {
        let before = vote_load.acknowledged();
        eventually("votes come in", async || (vote_load.acknowledged() > before).then_some(()))
            .await;
        owner.freeze().await;
        let frozen = Instant::now();
        session = owner_of_all(&env, Some(session)).await;
        assert!(frozen.elapsed() < TAKEOVER_TIMEOUT, "it took {:?}", frozen.elapsed());
        owner.thaw().await;
        std::mem::swap(&mut owner, &mut standby);
    }

    let replies = vote_load.stop().await;
    env.wait_until_caught_up().await;
    replies.assert_match_counted_votes(&env).await;
    assert_ranking_shows_every_vote(&server.api, &env).await;
    for server in [server, owner, standby] {
        assert!(server.interrupt().await.success(), "a server did not stop cleanly");
    }
    let live = env.checksums().await;
    assert_eq!(env.rebuild().await, live, "the rebuild differs");
}

/// Commands wait for a notification; they do not poll.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_commands_look_up_nothing_until_they_are_notified() {
    let env = TestEnvironment::cluster().await;
    let both = Server::start(&env, Roles::NoTranscoder).await;
    let voters = both.api.new_people(VOTERS).await;
    let video = env.publish_videos(&voters[0], 1).await[0];
    assert!(both.interrupt().await.success());

    let patient = [("VERDICT_DEADLINE_MS", "60000")];
    let server = Server::start_with(&env, Roles::Api, free_port(), &patient).await;
    let api = server.api.clone();
    let before = metric(&api, "anb_command_lookups_total").await;
    let votes: Vec<_> =
        voters.into_iter().map(|voter| tokio::spawn(cast(api.clone(), voter, video))).collect();
    eventually("every command waits", async || {
        (metric(&api, "anb_command_waiting").await == VOTERS as f64).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        metric(&api, "anb_command_lookups_total").await,
        before,
        "a waiting command looked something up"
    );

    let _projector = Server::launch(&env, Roles::Projector, free_port(), &[]);
    for vote in votes {
        assert_eq!(vote.await.unwrap(), 200);
    }
    let lookups = metric(&api, "anb_command_lookups_total").await - before;
    assert!((1.0..=4.0).contains(&lookups), "{lookups} queries for {VOTERS} verdicts");
}

/// Every process is replaced, one by one, under load.
#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_fails_no_request() {
    let env = TestEnvironment::cluster().await;
    let grace = [("SHUTDOWN_GRACE_MS", "2000")];
    let start = async |roles, port| {
        let server = Server::launch(&env, roles, port, &grace);
        server.wait_until_serving().await;
        server
    };
    let mut fleet = Vec::new();
    for roles in [Roles::Api, Roles::Projector, Roles::Transcoder] {
        for _ in 0..2 {
            let port = free_port();
            fleet.push((start(roles, port).await, roles, port));
        }
    }
    let apis: Vec<ApiClient> = fleet[..2].iter().map(|(server, ..)| server.api.clone()).collect();
    let balancer = LoadBalancer::over(&apis);
    let (vote_load, artist) = start_vote_load(&env, &apis[0], &balancer).await;
    let background = BackgroundLoad::start(&balancer, artist);

    for _ in 0..fleet.len() {
        let before = vote_load.acknowledged();
        eventually("votes come in", async || (vote_load.acknowledged() > before).then_some(()))
            .await;
        let (old, roles, port) = fleet.remove(0);
        assert!(old.terminate().await.success());
        fleet.push((start(roles, port).await, roles, port));
    }

    let (reads, uploads, failed) = background.stop().await;
    let replies = vote_load.stop().await;
    assert_eq!(failed, Vec::<String>::new());
    assert_eq!(replies.failed, Vec::<String>::new());
    assert!(
        replies.accepted.len() > 100 && reads > 100,
        "{} votes, {reads} reads",
        replies.accepted.len()
    );
    env.wait_until_caught_up().await;
    replies.assert_match_counted_votes(&env).await;
    assert_ranking_shows_every_vote(&apis[1], &env).await;
    eventually("every upload has been processed", async || {
        let sql = "select count(*) from videos where title = $1 and status = 'processed'";
        let done: i64 = sqlx::query_scalar(sql)
            .bind(Upload::of(Vec::new()).title)
            .fetch_one(&env.pool)
            .await
            .unwrap();
        (done == uploads as i64).then_some(())
    })
    .await;
}

/// Waits until one database session other than `not` owns every partition.
async fn owner_of_all(env: &TestEnvironment, not: Option<i32>) -> i32 {
    eventually("a projector owns every partition", async || {
        let sql = "select pid from pg_locks join pg_database on oid = database
                   where locktype = 'advisory' and classid = $1 and datname = current_database()
                     and granted
                   group by pid having count(*) = $2";
        let owner = sqlx::query_scalar(sql)
            .bind(0x616e_6231_i64)
            .bind(env.log.partitions() as i64)
            .fetch_optional(&env.pool)
            .await
            .unwrap();
        owner.filter(|owner| Some(*owner) != not)
    })
    .await
}

/// Starts a load of votes for the videos of one voter, who is returned.
async fn start_vote_load(
    env: &TestEnvironment,
    api: &ApiClient,
    balancer: &LoadBalancer,
) -> (VoteLoad, Person) {
    let voters = api.new_people(VOTERS).await;
    let artist = voters[0].clone();
    let videos = env.publish_videos(&artist, VIDEOS).await;
    (VoteLoad::start(balancer, voters, &videos), artist)
}

async fn cast(api: ApiClient, voter: Person, video: VideoId) -> u16 {
    api.vote(&voter, video).await.status
}

/// The sum of a metric over its labels.
async fn metric(api: &ApiClient, name: &str) -> f64 {
    let metrics = api.fetch("/metrics").await.text();
    let of_name = metrics
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
    of_name.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

/// A reader and an artist who uploads, beside the voters.
struct BackgroundLoad {
    done: Arc<AtomicBool>,
    reader: JoinHandle<(usize, Vec<String>)>,
    artist: JoinHandle<(usize, Vec<String>)>,
}

impl BackgroundLoad {
    fn start(balancer: &LoadBalancer, artist: Person) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let reader = repeat(balancer, &done, Duration::from_millis(10), 200, |api| {
            api.get("/api/public/rankings")
        });
        let artist = repeat(balancer, &done, Duration::from_secs(1), 201, move |api| {
            api.upload_request(&artist, Upload::of(clip::real()))
        });
        Self { done, reader, artist }
    }

    /// Stops both: the numbers of reads and uploads, and the failures.
    async fn stop(self) -> (usize, usize, Vec<String>) {
        self.done.store(true, Ordering::Relaxed);
        let (reads, mut failed) = self.reader.await.unwrap();
        let (uploads, also_failed) = self.artist.await.unwrap();
        failed.extend(also_failed);
        (reads, uploads, failed)
    }
}

/// Repeats a request; counts the responses with this status and collects the others.
fn repeat(
    balancer: &LoadBalancer,
    done: &Arc<AtomicBool>,
    pause: Duration,
    expected: u16,
    request: impl Fn(&ApiClient) -> reqwest::RequestBuilder + Send + 'static,
) -> JoinHandle<(usize, Vec<String>)> {
    let (balancer, done) = (balancer.clone(), Arc::clone(done));
    tokio::spawn(async move {
        let (mut succeeded, mut failed) = (0, Vec::new());
        while !done.load(Ordering::Relaxed) {
            let api = balancer.next_ready().await;
            match request(&api).try_response().await {
                Some(response) if response.status == expected => succeeded += 1,
                Some(response) => failed.push(format!("{}: {}", response.status, response.text())),
                None => failed.push(format!("no answer of {}", api.base)),
            }
            tokio::time::sleep(pause).await;
        }
        (succeeded, failed)
    })
}
