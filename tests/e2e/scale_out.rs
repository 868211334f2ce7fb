//! Several processes of each role, as on a cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::VideoId;
use tokio::task::JoinHandle;

use super::harness::balancer::Balancer;
use super::harness::ballot::{Ballot, check_the_board};
use super::harness::client::Ask;
use super::harness::server::free_port;
use super::harness::{Api, Person, Roles, Server, Upload, World, clip, eventually};

/// A projector that is gone, or hangs, is replaced within this time.
const TAKEOVER: Duration = Duration::from_secs(5);
const VOTERS: usize = 16;
const VIDEOS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_projector_that_was_killed_is_replaced_within_five_seconds() {
    let world = World::cluster().await;
    let mut owner = Server::launch(&world, Roles::Projector, free_port(), &[]);
    let first = owner_of_all(&world, None).await;
    let _standby = Server::launch(&world, Roles::Projector, free_port(), &[]);
    let server = Server::start(&world, Roles::Api).await;
    owner.kill().await;
    let killed = Instant::now();
    owner_of_all(&world, Some(first)).await;
    assert!(killed.elapsed() < TAKEOVER, "it took {:?}", killed.elapsed());
    server.api.somebody("Ana").await;
}

/// Votes stream in while the owner is frozen, replaced and woken up, again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_projector_that_hangs_is_replaced_and_spoils_nothing_when_it_wakes_up() {
    let world = World::cluster().await;
    let mut owner = Server::launch(&world, Roles::Projector, free_port(), &[]);
    let mut session = owner_of_all(&world, None).await;
    let mut standby = Server::launch(&world, Roles::Projector, free_port(), &[]);
    let server = Server::start(&world, Roles::Api).await;
    let (ballot, _) = open_ballot(&world, &server.api, &Balancer::over([&server.api])).await;

    for _ in 0..4 {
        let before = ballot.acknowledged();
        eventually("votes come in", async || (ballot.acknowledged() > before).then_some(())).await;
        owner.freeze().await;
        let frozen = Instant::now();
        session = owner_of_all(&world, Some(session)).await;
        assert!(frozen.elapsed() < TAKEOVER, "it took {:?}", frozen.elapsed());
        owner.thaw().await;
        std::mem::swap(&mut owner, &mut standby);
    }

    let told = ballot.close().await;
    world.caught_up().await;
    told.check(&world).await;
    check_the_board(&server.api, &world).await;
    for server in [server, owner, standby] {
        assert!(server.interrupt().await.success(), "each ends well in the end");
    }
    let live = world.checksums().await;
    assert_eq!(world.rebuilt().await, live, "a rebuild comes to the same");
}

/// Commands wait for the projection's word; they do not ask for it.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_verdict_elsewhere_does_not_ask_until_told() {
    let world = World::cluster().await;
    let both = Server::start(&world, Roles::NoTranscoder).await;
    let voters = both.api.crowd(VOTERS).await;
    let video = world.published(&voters[0], 1).await[0];
    assert!(both.interrupt().await.success());

    let patient = [("VERDICT_DEADLINE_MS", "60000")];
    let server = Server::start_with(&world, Roles::Api, free_port(), &patient).await;
    let api = server.api.clone();
    let before = metric(&api, "anb_command_lookups_total").await;
    let votes: Vec<_> =
        voters.into_iter().map(|voter| tokio::spawn(cast(api.clone(), voter, video))).collect();
    eventually("all of them wait", async || {
        (metric(&api, "anb_command_waiting").await == VOTERS as f64).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(metric(&api, "anb_command_lookups_total").await, before, "nobody asks");

    let _projector = Server::launch(&world, Roles::Projector, free_port(), &[]);
    for vote in votes {
        assert_eq!(vote.await.unwrap(), 200);
    }
    let lookups = metric(&api, "anb_command_lookups_total").await - before;
    assert!((1.0..=4.0).contains(&lookups), "{lookups} queries for {VOTERS} verdicts");
}

/// Every process is replaced, one by one, under load, and no request fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_fails_no_request() {
    let world = World::cluster().await;
    let grace = [("SHUTDOWN_GRACE_MS", "2000")];
    let start = async |roles, port| {
        let server = Server::launch(&world, roles, port, &grace);
        server.serving().await;
        server
    };
    let mut fleet = Vec::new();
    for roles in [Roles::Api, Roles::Projector, Roles::Transcoder] {
        for _ in 0..2 {
            let port = free_port();
            fleet.push((start(roles, port).await, roles, port));
        }
    }
    let apis: Vec<Api> = fleet[..2].iter().map(|(server, ..)| server.api.clone()).collect();
    let balancer = Balancer::over(&apis);
    let (ballot, artist) = open_ballot(&world, &apis[0], &balancer).await;
    let others = Others::begin(&balancer, artist);

    for _ in 0..fleet.len() {
        let before = ballot.acknowledged();
        eventually("votes come in", async || (ballot.acknowledged() > before).then_some(())).await;
        let (old, roles, port) = fleet.remove(0);
        assert!(old.terminate().await.success());
        fleet.push((start(roles, port).await, roles, port));
    }

    let (reads, uploads, failed) = others.end().await;
    let told = ballot.close().await;
    assert_eq!(failed, Vec::<String>::new());
    assert_eq!(told.failed, Vec::<String>::new());
    assert!(told.counted.len() > 100 && reads > 100, "{} votes, {reads} reads", told.counted.len());
    world.caught_up().await;
    told.check(&world).await;
    check_the_board(&apis[1], &world).await;
    eventually("every upload has been processed", async || {
        let sql = "select count(*) from videos where title = $1 and status = 'processed'";
        let done: i64 = sqlx::query_scalar(sql)
            .bind(Upload::of(Vec::new()).title)
            .fetch_one(&world.pool)
            .await
            .unwrap();
        (done == uploads as i64).then_some(())
    })
    .await;
}

/// The database session that owns every partition, once there is one, and it is not `not`.
async fn owner_of_all(world: &World, not: Option<i32>) -> i32 {
    eventually("a projector owns every partition", async || {
        let sql = "select pid from pg_locks join pg_database on oid = database
                   where locktype = 'advisory' and classid = $1 and datname = current_database()
                     and granted
                   group by pid having count(*) = $2";
        let owner = sqlx::query_scalar(sql)
            .bind(0x616e_6231_i64)
            .bind(world.log.partitions() as i64)
            .fetch_optional(&world.pool)
            .await
            .unwrap();
        owner.filter(|owner| Some(*owner) != not)
    })
    .await
}

/// Votes of new voters for the videos of one of them, who is returned.
async fn open_ballot(world: &World, api: &Api, balancer: &Balancer) -> (Ballot, Person) {
    let voters = api.crowd(VOTERS).await;
    let artist = voters[0].clone();
    let videos = world.published(&artist, VIDEOS).await;
    (Ballot::open(balancer, voters, &videos), artist)
}

async fn cast(api: Api, voter: Person, video: VideoId) -> u16 {
    api.vote(&voter, video).await.status
}

/// The sum of a metric over its labels.
async fn metric(api: &Api, name: &str) -> f64 {
    let metrics = api.fetch("/metrics").await.text();
    let of_name = metrics
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
    of_name.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

/// People who do other things than vote: they read, and one uploads.
struct Others {
    done: Arc<AtomicBool>,
    reader: JoinHandle<(usize, Vec<String>)>,
    artist: JoinHandle<(usize, Vec<String>)>,
}

impl Others {
    fn begin(balancer: &Balancer, artist: Person) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let reader = repeat(balancer, &done, Duration::from_millis(10), 200, |api| {
            api.get("/api/public/rankings")
        });
        let artist = repeat(balancer, &done, Duration::from_secs(1), 201, move |api| {
            api.upload_request(&artist, Upload::of(clip::real()))
        });
        Self { done, reader, artist }
    }

    /// How many read, how many uploaded, and what failed.
    async fn end(self) -> (usize, usize, Vec<String>) {
        self.done.store(true, Ordering::Relaxed);
        let (reads, mut failed) = self.reader.await.unwrap();
        let (uploads, also_failed) = self.artist.await.unwrap();
        failed.extend(also_failed);
        (reads, uploads, failed)
    }
}

/// Sends a request again and again; counts the answers with this status, and keeps the others.
fn repeat(
    balancer: &Balancer,
    done: &Arc<AtomicBool>,
    pause: Duration,
    expected: u16,
    request: impl Fn(&Api) -> reqwest::RequestBuilder + Send + 'static,
) -> JoinHandle<(usize, Vec<String>)> {
    let (balancer, done) = (balancer.clone(), Arc::clone(done));
    tokio::spawn(async move {
        let (mut good, mut failed) = (0, Vec::new());
        while !done.load(Ordering::Relaxed) {
            let api = balancer.pick().await;
            match request(&api).try_answer().await {
                Some(answer) if answer.status == expected => good += 1,
                Some(answer) => failed.push(format!("{}: {}", answer.status, answer.text())),
                None => failed.push(format!("no answer of {}", api.base)),
            }
            tokio::time::sleep(pause).await;
        }
        (good, failed)
    })
}
