//! Votes stream in while the server is killed, again and again.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domain::VideoId;
use rand::RngExt;
use uuid::Uuid;

use super::harness::client::Ask;
use super::harness::server::free_port;
use super::harness::{Api, PATIENCE, Person, Roles, Server, World, eventually};

const CLIENTS: usize = 32;
const KILLS: usize = 20;
const VIDEOS: usize = 600;
const ARTISTS: usize = 4;
/// How long a server lives, counted from its being ready, in milliseconds.
const LIFETIME: RangeInclusive<u64> = 50..=1_200;

on_both!(no_vote_is_lost_or_counted_twice_however_often_the_server_dies);

async fn no_vote_is_lost_or_counted_twice_however_often_the_server_dies(world: World) {
    let port = free_port();
    let mut server = Server::start_with(&world, Roles::NoTranscoder, port, &[]).await;
    let voters = server.api.crowd(CLIENTS).await;
    let mut videos = Vec::new();
    for artist in &voters[..ARTISTS] {
        videos.extend(world.published(artist, VIDEOS / ARTISTS).await);
    }

    let done = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = voters
        .into_iter()
        .enumerate()
        .map(|(n, voter)| {
            let client = Client {
                api: server.api.clone(),
                voter,
                done: Arc::clone(&done),
                acknowledged: Arc::clone(&acknowledged),
                // Half of the clients retry until they have an answer, half go on to the next.
                retries: n % 2 == 0,
            };
            tokio::spawn(client.run(videos.clone()))
        })
        .collect();

    for _ in 0..KILLS {
        let before = acknowledged.load(Ordering::Relaxed);
        let lives = Duration::from_millis(rand::rng().random_range(LIFETIME));
        tokio::time::sleep(lives).await;
        eventually("a vote comes through between two deaths", async || {
            (acknowledged.load(Ordering::Relaxed) > before).then_some(())
        })
        .await;
        server.kill().await;
        server = Server::start_with(&world, Roles::NoTranscoder, port, &[]).await;
    }
    done.store(true, Ordering::Relaxed);
    let mut ledgers = Vec::new();
    for client in clients {
        ledgers.push(client.await.unwrap());
    }

    let surprises: Vec<_> = ledgers.iter().flat_map(|ledger| &ledger.surprises).collect();
    assert!(surprises.is_empty(), "{surprises:?}");
    world.caught_up().await;
    check_the_count(&world, &ledgers).await;
    check_the_board(&server.api, &world).await;
    assert!(server.interrupt().await.success());
    let live = world.checksums().await;
    assert_eq!(world.rebuilt().await, live, "a rebuild comes to the same");
}

/// One person who votes for one video after another.
struct Client {
    api: Api,
    voter: Person,
    done: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    retries: bool,
}

/// What a client was told about its votes.
struct Ledger {
    voter: Uuid,
    /// Answered with 200.
    counted: HashSet<VideoId>,
    /// Answered with 202: in the log, so certain to be decided.
    promised: HashSet<VideoId>,
    /// Sent at least once without such an answer.
    unknown: HashSet<VideoId>,
    /// Anything that should not have happened.
    surprises: Vec<String>,
}

impl Client {
    async fn run(self, videos: Vec<VideoId>) -> Ledger {
        let mut ledger = Ledger {
            voter: self.voter.id.0,
            counted: HashSet::new(),
            promised: HashSet::new(),
            unknown: HashSet::new(),
            surprises: Vec::new(),
        };
        for video in videos {
            if self.done.load(Ordering::Relaxed) {
                break;
            }
            self.vote(video, &mut ledger).await;
        }
        ledger
    }

    async fn vote(&self, video: VideoId, ledger: &mut Ledger) {
        ledger.unknown.insert(video);
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let key = format!("vote for {video}");
            let request = self.api.vote_request(&self.voter, video).header("idempotency-key", key);
            match request.try_answer().await {
                Some(answer) if answer.status == 200 => {
                    ledger.unknown.remove(&video);
                    ledger.counted.insert(video);
                    self.acknowledged.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Some(answer) if answer.status == 202 => {
                    ledger.unknown.remove(&video);
                    ledger.promised.insert(video);
                    return;
                }
                Some(answer) if answer.status == 503 => {}
                Some(answer) => {
                    let surprise = format!("{} {}", answer.status, answer.text());
                    ledger.surprises.push(surprise);
                    return;
                }
                None => {}
            }
            self.somebody_answers().await;
            if !self.retries {
                return;
            }
        }
    }

    async fn somebody_answers(&self) {
        // Not `eventually`: what borrows in an async closure cannot be spawned.
        let started = Instant::now();
        while !self.done.load(Ordering::Relaxed) {
            let answer = self.api.get("/ready").try_answer().await;
            if answer.is_some_and(|answer| answer.status == 200) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "waited in vain for a server");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Holds what clients were told against the votes that count.
async fn check_the_count(world: &World, ledgers: &[Ledger]) {
    let rows: Vec<(Uuid, Uuid)> =
        sqlx::query_as("select voter, video_id from votes").fetch_all(&world.pool).await.unwrap();
    let counted: HashSet<(Uuid, Uuid)> = rows.iter().copied().collect();
    assert_eq!(counted.len(), rows.len(), "a person's vote stands twice");
    let told = |of: fn(&Ledger) -> &HashSet<VideoId>| -> HashSet<(Uuid, Uuid)> {
        let pairs = |ledger: &Ledger| -> Vec<(Uuid, Uuid)> {
            of(ledger).iter().map(|video| (ledger.voter, video.0)).collect()
        };
        ledgers.iter().flat_map(pairs).collect()
    };
    let acknowledged = told(|ledger| &ledger.counted);
    let promised = told(|ledger| &ledger.promised);
    let unknown = told(|ledger| &ledger.unknown);
    assert!(acknowledged.len() > 10 * KILLS, "hardly a stream: {} votes", acknowledged.len());
    let lost: Vec<_> = acknowledged.union(&promised).filter(|v| !counted.contains(v)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let known: HashSet<_> = acknowledged.union(&promised).chain(&unknown).copied().collect();
    let invented: Vec<_> = counted.difference(&known).collect();
    assert!(invented.is_empty(), "counted, but never cast: {invented:?}");

    let totals: Vec<(Uuid, i64)> =
        sqlx::query_as("select video_id, votes from videos").fetch_all(&world.pool).await.unwrap();
    let mut by_video: HashMap<Uuid, i64> = HashMap::new();
    for (_, video) in &rows {
        *by_video.entry(*video).or_default() += 1;
    }
    for (video, total) in totals {
        assert_eq!(total, by_video.get(&video).copied().unwrap_or(0), "video {video}");
    }
    println!(
        "{} votes counted: {} acknowledged, {} promised, {} of {} unknown ones",
        rows.len(),
        acknowledged.len(),
        promised.len(),
        counted.intersection(&unknown).count(),
        unknown.len()
    );
}

/// The public ranking shows the same number of votes.
async fn check_the_board(api: &Api, world: &World) {
    let votes: i64 =
        sqlx::query_scalar("select count(*) from votes").fetch_one(&world.pool).await.unwrap();
    eventually("the ranking shows all votes", async || {
        let ranking = api.fetch("/api/public/rankings").await.ok(200);
        let rows = ranking["rankings"].as_array().unwrap();
        let shown: i64 = rows.iter().map(|row| row["votes"].as_i64().unwrap()).sum();
        (shown == votes).then_some(())
    })
    .await;
}
