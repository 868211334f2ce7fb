//! A rebuild that nobody notices: votes and reads go on while the next generation is built and takes
//! the place of the live one.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::process::Child;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::harness::balancer::Balancer;
use super::harness::ballot::{Ballot, check_the_board};
use super::harness::client::Ask;
use super::harness::{Api, Roles, Server, World, eventually};

/// None of whom the servers know yet, nor the videos: they all ask for them at once.
const VOTERS: usize = 32;
const VIDEOS: usize = 600;

on_both!(
    votes_and_reads_go_on_while_generations_change_places,
    one_rebuild_at_a_time_and_one_that_was_killed_is_gone_on_with,
);

async fn votes_and_reads_go_on_while_generations_change_places(world: World) {
    fill(&world, "15", "4000").await;
    let servers =
        [Server::start(&world, Roles::NoTranscoder).await, Server::start(&world, Roles::Api).await];
    let apis = servers.each_ref().map(|server| server.api.clone());
    let voters = apis[0].crowd(VOTERS).await;
    let videos = world.published(&voters[0], VIDEOS).await;
    let readers = apis.each_ref().map(Reader::begin);
    let ballot = Ballot::open(&Balancer::over(&apis), voters, &videos);
    let votes_come_in = async |than: usize| {
        eventually("votes come in", async || (ballot.acknowledged() > than).then_some(())).await;
    };

    votes_come_in(50).await;
    for command in [&["rebuild"][..], &["rebuild", "--switch-back"]] {
        let (said, _) = anb(&world, command).await.expect("it succeeds");
        assert!(said.contains("every read model is as it was before"), "{said}");
        let now = ballot.acknowledged();
        votes_come_in(now + 50).await;
    }
    for reader in &readers {
        let enough = async || (reader.reads.load(Ordering::Relaxed) > 100).then_some(());
        eventually("people read", enough).await;
    }
    let told = ballot.close().await;
    for reader in readers {
        assert_eq!(reader.end().await, Vec::<String>::new());
    }
    assert_eq!(told.failed, Vec::<String>::new());

    world.caught_up().await;
    let votes: HashSet<(Uuid, Uuid)> = sqlx::query_as("select voter, video_id from votes")
        .fetch_all(&world.pool)
        .await
        .unwrap()
        .into_iter()
        .collect();
    assert!(told.counted.is_subset(&votes) && told.promised.is_subset(&votes), "votes are lost");
    for api in &apis {
        check_the_board(api, &world).await;
        shows(api, "anb_generation 1").await;
    }
    for server in servers {
        assert!(server.interrupt().await.success());
    }
    assert_eq!(world.checksums().await, world.rebuilt().await);
}

async fn one_rebuild_at_a_time_and_one_that_was_killed_is_gone_on_with(world: World) {
    fill(&world, "100", "30000").await;
    let server = Server::start(&world, Roles::NoTranscoder).await;
    world.caught_up().await;
    let live = world.checksums().await;

    let mut first = world.anb(&["rebuild"]).kill_on_drop(true).spawn().unwrap();
    eventually("a part of it is built", async || {
        let sql = "select folded from generations where state = 'building'";
        let folded: Option<i64> =
            sqlx::query_scalar(sql).fetch_optional(&world.pool).await.unwrap();
        folded.is_some_and(|folded| folded > 0).then_some(())
    })
    .await;
    signal(&first, "-STOP").await;
    let (_, refused) = anb(&world, &["rebuild"]).await.expect_err("the second one is refused");
    let line = refused.lines().last().unwrap_or_default();
    assert!(line.starts_with("anb: another rebuild is running: it has folded "), "{refused}");
    shows(&server.api, "anb_rebuild_building 1").await;
    first.kill().await.unwrap();

    let (said, _) = anb(&world, &["rebuild"]).await.expect("it goes on");
    assert!(said.contains("going on from where an earlier one had come"), "{said}");
    assert!(said.contains("generation 2 is live"), "{said}");
    assert_eq!(world.checksums().await, live);
    assert!(server.interrupt().await.success());
}

async fn shows(api: &Api, metric: &str) {
    eventually(metric, async || {
        let metrics = api.fetch("/metrics").await.text();
        metrics.lines().any(|line| line == metric).then_some(())
    })
    .await;
}

/// Somebody who asks for pages until told to end.
struct Reader {
    done: Arc<AtomicBool>,
    /// Those that went well.
    reads: Arc<AtomicUsize>,
    task: JoinHandle<Vec<String>>,
}

impl Reader {
    fn begin(api: &Api) -> Self {
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
                    match api.get(path).try_answer().await {
                        Some(answer) if answer.status == 200 => {
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                        Some(answer) => failed.push(format!("{path}: {}", answer.text())),
                        None => failed.push(format!("{path}: no answer")),
                    }
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            failed
        });
        Self { done, reads, task }
    }

    /// The reads that failed.
    async fn end(self) -> Vec<String> {
        self.done.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

/// Enough for a rebuild to take a while.
async fn fill(world: &World, artists: &str, votes: &str) {
    let sizes = ["demo", "--direct", "--artists", artists, "--fans", "500", "--votes", votes];
    anb(world, &sizes).await.expect("the log is filled");
}

/// What it printed, and what it complained of; an error if it did not succeed.
async fn anb(world: &World, arguments: &[&str]) -> Result<(String, String), (String, String)> {
    let output = world.anb(arguments).output().await.unwrap();
    let [out, err] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    if output.status.success() { Ok((out, err)) } else { Err((out, err)) }
}

async fn signal(child: &Child, signal: &str) {
    let pid = child.id().unwrap().to_string();
    let kill = tokio::process::Command::new("kill").args([signal, &pid]).status();
    assert!(kill.await.unwrap().success());
}
