//! A rebuild without downtime: votes and reads continue while the next generation is built and
//! replaces the live one.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use test_contests::Size;
use tokio::process::Child;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::harness::client::SendRequest;
use super::harness::load_balancer::LoadBalancer;
use super::harness::vote_load::{VoteLoad, assert_ranking_shows_every_vote};
use super::harness::{ApiClient, Roles, Server, TestEnvironment, eventually};

/// New to every cache of the servers, so that they all cause lookups at once.
const VOTERS: usize = 32;
const VIDEOS: usize = 600;

test_on_both_backends!(
    votes_and_reads_continue_while_a_rebuild_switches_generations,
    a_second_rebuild_is_rejected_and_a_killed_one_is_resumed,
);

async fn votes_and_reads_continue_while_a_rebuild_switches_generations(env: TestEnvironment) {
    fill(&env, 15, 4_000).await;
    let servers =
        [Server::start(&env, Roles::NoTranscoder).await, Server::start(&env, Roles::Api).await];
    let apis = servers.each_ref().map(|server| server.api.clone());
    let voters = apis[0].new_people(VOTERS).await;
    let videos = env.publish_videos(&voters[0], VIDEOS).await;
    let readers = apis.each_ref().map(Reader::start);
    let vote_load = VoteLoad::start(&LoadBalancer::over(&apis), voters, &videos);
    let votes_come_in = async |than: usize| {
        eventually("votes come in", async || (vote_load.acknowledged() > than).then_some(())).await;
    };

    votes_come_in(50).await;
    for command in [&["rebuild"][..], &["rebuild", "--switch-back"]] {
        let output = env.run(command).await.unwrap();
        assert!(output.contains("every read model is as it was before"), "{output}");
        let now = vote_load.acknowledged();
        votes_come_in(now + 50).await;
    }
    for reader in &readers {
        let enough = async || (reader.reads.load(Ordering::Relaxed) > 100).then_some(());
        eventually("the reader has read", enough).await;
    }
    let replies = vote_load.stop().await;
    for reader in readers {
        assert_eq!(reader.stop().await, Vec::<String>::new());
    }
    assert_eq!(replies.failed, Vec::<String>::new());

    env.wait_until_caught_up().await;
    let votes: HashSet<(Uuid, Uuid)> = sqlx::query_as("select voter, video_id from votes")
        .fetch_all(&env.pool)
        .await
        .unwrap()
        .into_iter()
        .collect();
    assert!(
        replies.accepted.is_subset(&votes) && replies.pending.is_subset(&votes),
        "votes are lost"
    );
    for api in &apis {
        assert_ranking_shows_every_vote(api, &env).await;
        wait_for_metric(api, "anb_generation 1").await;
    }
    for server in servers {
        assert!(server.interrupt().await.success());
    }
    assert_eq!(env.checksums().await, env.rebuild().await);
}

async fn a_second_rebuild_is_rejected_and_a_killed_one_is_resumed(env: TestEnvironment) {
    fill(&env, 100, 30_000).await;
    let server = Server::start(&env, Roles::NoTranscoder).await;
    env.wait_until_caught_up().await;
    let live = env.checksums().await;

    let mut first = env.anb(&["rebuild"]).kill_on_drop(true).spawn().unwrap();
    eventually("a part of the generation is built", async || {
        let sql = "select folded from generations where state = 'building'";
        let folded: Option<i64> = sqlx::query_scalar(sql).fetch_optional(&env.pool).await.unwrap();
        folded.is_some_and(|folded| folded > 0).then_some(())
    })
    .await;
    signal(&first, "-STOP").await;
    let refused = env.run(&["rebuild"]).await.unwrap_err();
    let line = refused.lines().last().unwrap_or_default();
    assert!(line.starts_with("anb: another rebuild is running: it has folded "), "{refused}");
    wait_for_metric(&server.api, "anb_rebuild_building 1").await;
    first.kill().await.unwrap();

    let output = env.run(&["rebuild"]).await.unwrap();
    assert!(output.contains("resumed from an interrupted rebuild"), "{output}");
    assert!(output.contains("generation 2 is live"), "{output}");
    assert_eq!(env.checksums().await, live);
    assert!(server.interrupt().await.success());
}

async fn wait_for_metric(api: &ApiClient, metric: &str) {
    eventually(metric, async || {
        let metrics = api.fetch("/metrics").await.text();
        metrics.lines().any(|line| line == metric).then_some(())
    })
    .await;
}

/// A client that reads pages until it is stopped.
struct Reader {
    done: Arc<AtomicBool>,
    /// Number of successful reads.
    reads: Arc<AtomicUsize>,
    task: JoinHandle<Vec<String>>,
}

impl Reader {
    fn start(api: &ApiClient) -> Self {
        let (done, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (api, until, count) = (api.clone(), Arc::clone(&done), Arc::clone(&reads));
        let task = tokio::spawn(async move {
            let mut failed = Vec::new();
            while !until.load(Ordering::Relaxed) {
                for path in [
                    "/api/public/rankings",
                    "/api/public/videos?order_by=votes",
                    "/api/public/rankings/boards",
                ] {
                    match api.get(path).try_response().await {
                        Some(response) if response.status == 200 => {
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                        Some(response) => failed.push(format!("{path}: {}", response.text())),
                        None => failed.push(format!("{path}: no answer")),
                    }
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            failed
        });
        Self { done, reads, task }
    }

    /// Stops the reader and returns its failed reads.
    async fn stop(self) -> Vec<String> {
        self.done.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

/// Fills the log, so that a rebuild takes a while.
async fn fill(env: &TestEnvironment, artists: usize, votes: usize) {
    let size = Size { artists, fans: 500, votes };
    test_contests::append(&env.pool, env.log.as_ref(), size).await.unwrap();
}

async fn signal(child: &Child, signal: &str) {
    let pid = child.id().unwrap().to_string();
    let kill = tokio::process::Command::new("kill").args([signal, &pid]).status();
    assert!(kill.await.unwrap().success());
}
