//! The log moves: to Kafka, to more partitions, into a file and back.

use std::collections::HashSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use domain::Timestamp;
use infra::event_log::envelope::LOG_TIME;
use infra::event_log::partition::partition_of;
use test_contests::Size;
use test_services::KafkaTopic;
use tokio::process::Command;

use super::harness::client::SendRequest;
use super::harness::load_balancer::LoadBalancer;
use super::harness::raw_record::RawRecord;
use super::harness::server::free_port;
use super::harness::vote_load::VoteLoad;
use super::harness::{Roles, Server, TEST_TIMEOUT, TestEnvironment, eventually};

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
    // A log with accounts needs the secret of their addresses. Restoring it is not what is tested here.
    let secret =
        "insert into secrets (name, value) values ('email_hmac', $1) on conflict do nothing";
    sqlx::query(secret).bind(vec![7_u8; 32]).execute(&env.pool).await.unwrap();
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
    // The broker may still append what the copy has sent.
    let part = size(&target).await;
    assert!(part < records, "the copy was over before it was killed");

    let said =
        eventually("the copy continues", async || match source.run(&to_topic(&topic)).await {
            Ok(said) => Some(said),
            Err(error) => {
                assert!(error.contains("the target log grows while it is read"), "{error}");
                None
            }
        })
        .await;
    let appended: u64 = said.split(' ').next().unwrap().parse().unwrap();
    assert!(0 < appended && appended <= records - part, "{said}");
    assert!(said.contains(&format!("equal: {records} records")), "{said}");
    assert_copied_once(&target, records).await;
    let again = source.run(&to_topic(&topic)).await.unwrap();
    assert!(again.contains("0 records appended"), "{again}");

    assert_eq!(fold(&source).await, fold(&target).await, "the read models differ");

    // A new event, and back to where the log was.
    sign_up(&target).await;
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
    assert_eq!(fold(&source).await, fold(&target).await, "the new person is missing");
}

async fn sign_up(env: &TestEnvironment) {
    let server = Server::start(env, Roles::NoTranscoder).await;
    server.api.new_person("Ana").await;
    assert!(server.interrupt().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_moves_to_one_with_more_partitions() {
    let source = TestEnvironment::cluster_with_partitions(test_services::kafka(), 3).await;
    fill(&source, 3_000).await;
    let records = size(&source).await;
    // No log takes the first of these. No version reads the second, but it moves.
    let nobody = source.write_raw(RawRecord::default()).await;
    let partition = partition_of(b"nobody-knows-this", 3);
    let key = Some(b"nobody-knows-this".to_vec());
    source.write_raw(RawRecord { partition, key, value: Some(vec![0xff]), headers: vec![] }).await;

    let topic = test_services::kafka();
    let mut arguments = to_topic(&topic);
    arguments.push("--to-log-partitions=8");
    let error = source.run(&arguments).await.unwrap_err();
    let named = format!("anb: 1 records ({nobody}: it has no key) cannot be appended");
    assert!(error.contains(&named), "{error}");
    let target = TestEnvironment::cluster_with_broker(topic.clone()).await;
    assert_eq!(size(&target).await, 0);
    arguments.push("--skip-unreadable");
    let said = source.run(&arguments).await.unwrap();
    assert!(said.contains(&format!("equal: {} records", records + 1)), "{said}");
    assert!(said.contains(&format!("left out: 1 records ({nobody}: it has no key)")), "{said}");

    let comparable = |lines: Vec<String>| {
        // Positions depend on the number of partitions.
        let positions = ["checkpoints", "dead_letters"];
        let is_comparable = |line: &String| !positions.iter().any(|name| line.starts_with(name));
        lines.into_iter().filter(is_comparable).collect::<Vec<_>>()
    };
    let (before, after) = (fold(&source).await, fold(&target).await);
    assert_eq!(comparable(before.clone()), comparable(after));
    assert_eq!(before.len() - comparable(before).len(), 2);
    assert_eq!(times_of_dead_letters(&source).await[1..], times_of_dead_letters(&target).await);
}

/// When the dead letters were appended for the first time, the oldest first.
async fn times_of_dead_letters(env: &TestEnvironment) -> Vec<Timestamp> {
    let sql = "select at from dead_letters order by at";
    sqlx::query_scalar(sql).fetch_all(&env.pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_another_contest_is_no_target() {
    let [one, other] = [TestEnvironment::cluster().await, TestEnvironment::cluster().await];
    for env in [&one, &other] {
        sign_up(env).await;
    }
    let error = one.run(&to_topic(other.topic())).await.unwrap_err();
    assert!(error.contains("anb: the target log holds 1 more records of stream"), "{error}");
    assert_eq!(size(&other).await, 1);
    let error = one.run(&to_topic(one.topic())).await.unwrap_err();
    assert!(error.contains("anb: source and target are the same log"), "{error}");
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
    let target = TestEnvironment::cluster_with_broker(topic.clone()).await;
    let mut follow = source.anb(&to_topic(&topic));
    let follow = follow.arg("--follow").stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    eventually("the copy follows", async || (size(&target).await > 0).then_some(())).await;
    votes_come_in(load.acknowledged() + 50).await;
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
    let pid = follow.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().await.unwrap().success());
    let output = tokio::time::timeout(TEST_TIMEOUT, follow.wait_with_output()).await.unwrap();
    let said = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(said.contains(&format!("equal: {before} records")), "{said}");
    assert!(server.interrupt().await.success());

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

/// The runbook's switch, on the database of the contest itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_contest_goes_on_in_kafka_within_a_minute() {
    let env = TestEnvironment::embedded().await;
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let ana = server.api.new_person("Ana").await;
    let videos = env.publish_videos(&ana, 2).await;
    assert_eq!(server.api.vote(&ana, videos[0]).await.expect(200)["total_votes"], 1);
    let topic = test_services::kafka();
    let kafka = topic.settings();
    assert!(env.run(&to_topic(&topic)).await.unwrap().contains("equal: "));

    let stopped = Instant::now();
    assert!(server.interrupt().await.success());
    assert!(env.run(&to_topic(&topic)).await.unwrap().contains("0 records appended"));
    let plain = env.anb(&["rebuild"]).envs(kafka).output().await.unwrap();
    let error = String::from_utf8_lossy(&plain.stderr).into_owned();
    assert!(error.contains("folded from the postgres log"), "{error}");
    let adopt = env.anb(&["rebuild", "--adopt-log"]).envs(kafka).output().await;
    assert!(adopt.as_ref().unwrap().status.success(), "{adopt:?}");
    let server = Server::start_with(&env, Roles::NoTranscoder, free_port(), &kafka).await;
    assert!(stopped.elapsed() < Duration::from_secs(60), "{:?}", stopped.elapsed());

    server.api.vote(&ana, videos[0]).await.expect_error(400, "Ya has votado por este video");
    assert_eq!(server.api.vote(&ana, videos[1]).await.expect(200)["total_votes"], 1);
    server.api.fetch("/ready").await.expect(200);
}
