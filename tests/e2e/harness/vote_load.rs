//! A load of votes, whose replies are compared with the counted votes at the end.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use domain::VideoId;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::client::{ApiClient, Person};
use super::environment::TestEnvironment;
use super::load_balancer::LoadBalancer;
use super::wait::{TEST_TIMEOUT, eventually};

/// A voter and a video.
type Vote = (Uuid, Uuid);

/// Voters who vote for one video after another until they are stopped.
pub(crate) struct VoteLoad {
    voters: JoinSet<VoteReplies>,
    stopped: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
}

/// The replies to the votes.
#[derive(Default)]
pub(crate) struct VoteReplies {
    /// Answered with 200.
    pub(crate) accepted: HashSet<Vote>,
    /// Answered with 202: in the log, so certain to count.
    pub(crate) pending: HashSet<Vote>,
    /// Sent at least once without either response.
    pub(crate) unknown: HashSet<Vote>,
    /// Requests with 503, or without a response.
    pub(crate) failed: Vec<String>,
    /// Any other response.
    unexpected: Vec<String>,
}

impl VoteLoad {
    /// Starts the voters. Every other one retries a failed vote; the rest skip it.
    pub(crate) fn start(balancer: &LoadBalancer, voters: Vec<Person>, videos: &[VideoId]) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let mut running = JoinSet::new();
        for (n, person) in voters.into_iter().enumerate() {
            let voter = Voter {
                balancer: balancer.clone(),
                person,
                stopped: Arc::clone(&stopped),
                acknowledged: Arc::clone(&acknowledged),
                retries: n % 2 == 0,
            };
            running.spawn(voter.run(videos.to_vec()));
        }
        Self { voters: running, stopped, acknowledged }
    }

    /// Votes answered with 200 so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Stops the voters after their current vote.
    pub(crate) async fn stop(self) -> VoteReplies {
        self.stopped.store(true, Ordering::Relaxed);
        let mut all = VoteReplies::default();
        for replies in self.voters.join_all().await {
            all.accepted.extend(replies.accepted);
            all.pending.extend(replies.pending);
            all.unknown.extend(replies.unknown);
            all.failed.extend(replies.failed);
            all.unexpected.extend(replies.unexpected);
        }
        all
    }
}

struct Voter {
    balancer: LoadBalancer,
    person: Person,
    stopped: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    retries: bool,
}

impl Voter {
    async fn run(self, videos: Vec<VideoId>) -> VoteReplies {
        let mut replies = VoteReplies::default();
        for video in videos {
            if self.stopped.load(Ordering::Relaxed) {
                break;
            }
            self.vote(video, &mut replies).await;
        }
        replies
    }

    async fn vote(&self, video: VideoId, replies: &mut VoteReplies) {
        let vote = (self.person.id.0, video.0);
        replies.unknown.insert(vote);
        let started = Instant::now();
        while started.elapsed() < TEST_TIMEOUT {
            let api = self.balancer.next_ready().await;
            let key = format!("vote for {video}");
            let request = api.vote_request(&self.person, video).header("idempotency-key", key);
            match request.send().await {
                Ok(response) if response.status() == 200 => {
                    replies.unknown.remove(&vote);
                    replies.accepted.insert(vote);
                    self.acknowledged.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Ok(response) if response.status() == 202 => {
                    replies.unknown.remove(&vote);
                    replies.pending.insert(vote);
                    return;
                }
                Ok(response) if response.status() == 503 => {
                    replies.failed.push(format!("503 of {}", api.base));
                }
                Ok(response) => {
                    replies.unexpected.push(format!("{} for {vote:?}", response.status()));
                    return;
                }
                Err(error) => replies.failed.push(format!("{error:?}")),
            }
            if !self.retries || self.stopped.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

impl VoteReplies {
    /// Asserts that every accepted vote counts once, and that no other vote counts.
    pub(crate) async fn assert_match_counted_votes(&self, env: &TestEnvironment) {
        assert!(self.unexpected.is_empty(), "{:?}", self.unexpected);
        let rows: Vec<Vote> =
            sqlx::query_as("select voter, video_id from votes").fetch_all(&env.pool).await.unwrap();
        let counted: HashSet<Vote> = rows.iter().copied().collect();
        assert_eq!(counted.len(), rows.len(), "a vote counts twice");
        let certain: HashSet<Vote> = self.accepted.union(&self.pending).copied().collect();
        let lost: Vec<_> = certain.difference(&counted).collect();
        assert!(lost.is_empty(), "accepted votes are lost: {lost:?}");
        let known: HashSet<Vote> = certain.union(&self.unknown).copied().collect();
        let invented: Vec<_> = counted.difference(&known).collect();
        assert!(invented.is_empty(), "votes count that were never cast: {invented:?}");
        assert_totals(env, &rows).await;
        println!(
            "{} votes counted: {} accepted, {} pending, {} of {} unknown ones",
            rows.len(),
            self.accepted.len(),
            self.pending.len(),
            counted.intersection(&self.unknown).count(),
            self.unknown.len()
        );
    }
}

async fn assert_totals(env: &TestEnvironment, votes: &[Vote]) {
    let mut by_video: HashMap<Uuid, i64> = HashMap::new();
    for (_, video) in votes {
        *by_video.entry(*video).or_default() += 1;
    }
    let totals: Vec<(Uuid, i64)> =
        sqlx::query_as("select video_id, votes from videos").fetch_all(&env.pool).await.unwrap();
    for (video, total) in totals {
        assert_eq!(total, by_video.get(&video).copied().unwrap_or(0), "video {video}");
    }
}

/// Waits until the public ranking shows every counted vote.
pub(crate) async fn assert_ranking_shows_every_vote(api: &ApiClient, env: &TestEnvironment) {
    let votes: i64 =
        sqlx::query_scalar("select count(*) from votes").fetch_one(&env.pool).await.unwrap();
    eventually("the ranking shows all votes", async || {
        let ranking = api.fetch("/api/public/rankings").await.expect(200);
        let rows = ranking["rankings"].as_array().unwrap();
        let shown: i64 = rows.iter().map(|row| row["votes"].as_i64().unwrap()).sum();
        (shown == votes).then_some(())
    })
    .await;
}
