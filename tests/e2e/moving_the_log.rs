//! The log moves: to Kafka, to more partitions, into a file and back.

use std::collections::HashSet;
use std::process::Stdio;
use std::time::Duration;

use infra::event_log::envelope::LOG_TIME;
use test_contests::Size;
use test_services::KafkaTopic;

use super::harness::client::SendRequest;
use super::harness::load_balancer::LoadBalancer;
use super::harness::server::free_port;
use super::harness::vote_load::VoteLoad;
use super::harness::{Roles, Server, TestEnvironment, eventually};

/// Flags of a copy to this topic.
fn to_topic(topic: &KafkaTopic) -> Vec<&str> {
    vec![
        "log",
        "copy",
        "--to-event-log=kafka",
        "--to-kafka-brokers",
        &topic.brokers,
        "--to-kafka-topic",
        &topic.topic,
    ]
}

async fn fill(env: &TestEnvironment, votes: usize) {
    let size = Size { artists: 50, fans: 600, votes };
    test_contests::append(&env.pool, env.log.as_ref(), size).await.unwrap();
}

/// The checksums of read models that a projector folds from the log.
async fn fold(env: &TestEnvironment) -> Vec<String> {
    let server = Server::start(env, Roles::NoTranscoder).await;
    env.wait_until_caught_up().await;
    assert!(server.interrupt().await.success());
    env.checksums().await
}

async fn size(env: &TestEnvironment) -> u64 {
    env.log.end_offsets().await.unwrap().iter().sum()
}

/// Asserts that the log has no event twice, and that each record says when it was first appended.
async fn assert_copied_once(env: &TestEnvironment, records: u64) {
    let copied = env.records().await;
    let header = |name: &str| {
        let values = copied.iter().flat_map(|record| &record.headers);
        let values = values.filter(|(known, _)| known == name).map(|(_, value)| value.clone());
        values.collect::<Vec<_>>()
    };
    assert_eq!(header("ce_id").into_iter().collect::<HashSet<_>>().len() as u64, records);
    assert_eq!(header(LOG_TIME).len() as u64, records);
    assert_eq!(copied.len() as u64, records);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_copy_to_kafka_continues_and_gives_equal_read_models() {
    let source = TestEnvironment::embedded().await;
    fill(&source, 20_000).await;
    let records = size(&source).await;
    let topic = test_services::kafka();
    let target = TestEnvironment::cluster_with_broker(topic.clone()).await;

    let mut copy = source.anb(&to_topic(&topic)).kill_on_drop(true).spawn().unwrap();
    eventually("a part is copied", async || (size(&target).await > 0).then_some(())).await;
    copy.kill().await.unwrap();
    let part = size(&target).await;
    assert!(part < records, "the copy was over before it was killed");

    let said = source.run(&to_topic(&topic)).await.unwrap();
    let rest = format!("{} records appended", records - part);
    assert!(said.contains(&rest) && said.contains(&format!("equal: {records} records")), "{said}");
    assert_copied_once(&target, records).await;
    let again = source.run(&to_topic(&topic)).await.unwrap();
    assert!(again.contains("0 records appended"), "{again}");

    assert_eq!(fold(&source).await, fold(&target).await, "the read models differ");

    // A new event, and back to where the log was.
    let ana = TestServer::start(&target).await.sign_up().await;
    let back = target
        .run(&[
            "log",
            "copy",
            "--to-event-log=postgres",
            "--to-database-url",
            source.database_url(),
        ])
        .await
        .unwrap();
    assert!(back.contains("1 records appended"), "{back}");
    assert_eq!(fold(&source).await, fold(&target).await, "{ana} is missing");
}

/// A server that runs for one command.
struct TestServer(Server);

impl TestServer {
    async fn start(env: &TestEnvironment) -> Self {
        Self(Server::start(env, Roles::NoTranscoder).await)
    }

    async fn sign_up(self) -> String {
        let person = self.0.api.new_person("Ana").await;
        assert!(self.0.interrupt().await.success());
        person.id.to_string()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_moves_to_one_with_more_partitions() {
    let source = TestEnvironment::cluster_with_partitions(test_services::kafka(), 3).await;
    fill(&source, 3_000).await;
    let topic = test_services::kafka();
    let mut arguments = to_topic(&topic);
    arguments.extend(["--to-log-partitions", "8"]);
    let said = source.run(&arguments).await.unwrap();
    assert!(said.contains("equal: "), "{said}");

    let target = TestEnvironment::cluster_with_broker(topic).await;
    assert_copied_once(&target, size(&source).await).await;
    let comparable = |lines: Vec<String>| {
        // Checkpoints are positions, which depend on the number of partitions.
        lines.into_iter().filter(|line| !line.starts_with("checkpoints")).collect::<Vec<_>>()
    };
    assert_eq!(comparable(fold(&source).await), comparable(fold(&target).await));

    let other = TestEnvironment::cluster_with_broker(test_services::kafka()).await;
    let person = TestServer::start(&other).await.sign_up().await;
    let before = size(&target).await;
    let mut arguments = to_topic(target.topic());
    arguments.push("--to-log-partitions=8");
    let error = other.run(&arguments).await.unwrap_err();
    assert!(error.contains("anb: the target log holds"), "{person}: {error}");
    assert_eq!(size(&target).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn votes_come_in_while_the_log_is_copied() {
    let source = TestEnvironment::embedded().await;
    let server = Server::start(&source, Roles::NoTranscoder).await;
    let voters = server.api.new_people(8).await;
    let videos = source.publish_videos(&voters[0], 400).await;
    let voter = voters[0].clone();
    let load =
        VoteLoad::start(&LoadBalancer::over(std::slice::from_ref(&server.api)), voters, &videos);
    let votes_come_in = async |than: usize| {
        eventually("votes come in", async || (load.acknowledged() > than).then_some(())).await;
    };
    votes_come_in(20).await;
    let topic = test_services::kafka();
    for _ in 0..2 {
        let said = source.run(&to_topic(&topic)).await.unwrap();
        assert!(said.contains("equal: "), "{said}");
        votes_come_in(load.acknowledged() + 20).await;
    }
    let replies = load.stop().await;
    assert!(server.interrupt().await.success());

    // While the rest is copied, commands are refused and reads are answered.
    let settings = [("READ_ONLY", "true")];
    let server = Server::start_with(&source, Roles::NoTranscoder, free_port(), &settings).await;
    let before = size(&source).await;
    let refused = server.api.vote_request(&voter, videos[399]).response().await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.headers.contains_key("retry-after"));
    server.api.fetch("/api/public/rankings").await.expect(200);
    assert_eq!(size(&source).await, before);
    source.run(&to_topic(&topic)).await.unwrap();
    assert!(server.interrupt().await.success());

    let target = TestEnvironment::cluster_with_broker(topic).await;
    assert_eq!(fold(&source).await, fold(&target).await);
    replies.assert_match_counted_votes(&target).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_imported_elsewhere() {
    let source = TestEnvironment::embedded().await;
    fill(&source, 1_000).await;
    let records = size(&source).await;
    let file = source.folder().join("log.jsonl");
    let path = file.to_str().unwrap();
    let said = source.run(&["log", "export", path]).await.unwrap();
    assert!(said.contains(&format!("exported {records} records")), "{said}");
    let error = source.run(&["log", "export", path]).await.unwrap_err();
    assert!(error.contains("exists"), "an export was replaced: {error}");

    let target = TestEnvironment::embedded().await;
    let text = std::fs::read_to_string(&file).unwrap();
    let cut = target.folder().join("cut.jsonl");
    std::fs::write(&cut, &text[..text.len() / 2]).unwrap();
    let error = target.run(&["log", "import", cut.to_str().unwrap()]).await.unwrap_err();
    assert!(error.contains("truncated"), "{error}");
    assert_eq!(size(&target).await, 0);

    let mut import = target.anb(&["log", "import", "-"]);
    import.stdin(Stdio::from(std::fs::File::open(&file).unwrap()));
    let import = tokio::time::timeout(Duration::from_secs(60), import.output()).await.unwrap();
    let import = import.unwrap();
    let said = String::from_utf8_lossy(&import.stdout).into_owned();
    assert!(said.contains(&format!("equal: {records} records")), "{said} {import:?}");
    let again = target.run(&["log", "import", path]).await.unwrap();
    assert!(again.contains("0 records appended"), "{again}");
    assert_eq!(fold(&source).await, fold(&target).await);
    assert_eq!(source.run(&["log"]).await.unwrap().lines().count() as u64, records);
}
