//! A stream of votes, and what the voters were told, to be held against what counts in the end.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use domain::VideoId;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::balancer::Balancer;
use super::{Api, PATIENCE, Person, World, eventually};

/// A voter and a video.
type Vote = (Uuid, Uuid);

/// People who vote for one video after another until the ballot is closed.
pub(crate) struct Ballot {
    voters: JoinSet<Told>,
    done: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
}

/// What voters were told.
#[derive(Default)]
pub(crate) struct Told {
    /// Answered with 200.
    pub(crate) counted: HashSet<Vote>,
    /// Answered with 202: in the log, so certain to be decided.
    pub(crate) promised: HashSet<Vote>,
    /// Sent at least once without such an answer.
    pub(crate) unknown: HashSet<Vote>,
    /// Requests that got 503, or no answer at all.
    pub(crate) failed: Vec<String>,
    /// Anything that should not have happened.
    surprises: Vec<String>,
}

impl Ballot {
    /// Every other voter tries again until there is an answer; the rest go on to the next video.
    pub(crate) fn open(balancer: &Balancer, voters: Vec<Person>, videos: &[VideoId]) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let mut running = JoinSet::new();
        for (n, person) in voters.into_iter().enumerate() {
            let voter = Voter {
                balancer: balancer.clone(),
                person,
                done: Arc::clone(&done),
                acknowledged: Arc::clone(&acknowledged),
                retries: n % 2 == 0,
            };
            running.spawn(voter.run(videos.to_vec()));
        }
        Self { voters: running, done, acknowledged }
    }

    /// Votes answered with 200 so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Lets the voters finish.
    pub(crate) async fn close(self) -> Told {
        self.done.store(true, Ordering::Relaxed);
        let mut all = Told::default();
        for told in self.voters.join_all().await {
            all.counted.extend(told.counted);
            all.promised.extend(told.promised);
            all.unknown.extend(told.unknown);
            all.failed.extend(told.failed);
            all.surprises.extend(told.surprises);
        }
        all
    }
}

struct Voter {
    balancer: Balancer,
    person: Person,
    done: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    retries: bool,
}

impl Voter {
    async fn run(self, videos: Vec<VideoId>) -> Told {
        let mut told = Told::default();
        for video in videos {
            if self.done.load(Ordering::Relaxed) {
                break;
            }
            self.vote(video, &mut told).await;
        }
        told
    }

    async fn vote(&self, video: VideoId, told: &mut Told) {
        let vote = (self.person.id.0, video.0);
        told.unknown.insert(vote);
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let api = self.balancer.pick().await;
            let key = format!("vote for {video}");
            let request = api.vote_request(&self.person, video).header("idempotency-key", key);
            match request.send().await {
                Ok(answer) if answer.status() == 200 => {
                    told.unknown.remove(&vote);
                    told.counted.insert(vote);
                    self.acknowledged.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Ok(answer) if answer.status() == 202 => {
                    told.unknown.remove(&vote);
                    told.promised.insert(vote);
                    return;
                }
                Ok(answer) if answer.status() == 503 => {
                    told.failed.push(format!("503 of {}", api.base));
                }
                Ok(answer) => {
                    told.surprises.push(format!("{} for {vote:?}", answer.status()));
                    return;
                }
                Err(error) => told.failed.push(format!("{error:?}")),
            }
            if !self.retries || self.done.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

impl Told {
    /// Holds what voters were told against the votes that count.
    pub(crate) async fn check(&self, world: &World) {
        assert!(self.surprises.is_empty(), "{:?}", self.surprises);
        let rows: Vec<Vote> = sqlx::query_as("select voter, video_id from votes")
            .fetch_all(&world.pool)
            .await
            .unwrap();
        let counted: HashSet<Vote> = rows.iter().copied().collect();
        assert_eq!(counted.len(), rows.len(), "a person's vote stands twice");
        let certain: HashSet<Vote> = self.counted.union(&self.promised).copied().collect();
        let lost: Vec<_> = certain.difference(&counted).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        let known: HashSet<Vote> = certain.union(&self.unknown).copied().collect();
        let invented: Vec<_> = counted.difference(&known).collect();
        assert!(invented.is_empty(), "counted, but never cast: {invented:?}");
        check_the_totals(world, &rows).await;
        println!(
            "{} votes counted: {} acknowledged, {} promised, {} of {} unknown ones",
            rows.len(),
            self.counted.len(),
            self.promised.len(),
            counted.intersection(&self.unknown).count(),
            self.unknown.len()
        );
    }
}

async fn check_the_totals(world: &World, votes: &[Vote]) {
    let mut by_video: HashMap<Uuid, i64> = HashMap::new();
    for (_, video) in votes {
        *by_video.entry(*video).or_default() += 1;
    }
    let totals: Vec<(Uuid, i64)> =
        sqlx::query_as("select video_id, votes from videos").fetch_all(&world.pool).await.unwrap();
    for (video, total) in totals {
        assert_eq!(total, by_video.get(&video).copied().unwrap_or(0), "video {video}");
    }
}

/// The public ranking shows as many votes as count.
pub(crate) async fn check_the_board(api: &Api, world: &World) {
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
