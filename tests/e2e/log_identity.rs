//! A log that is not the one that was folded: no vote is called counted, and the refusal says what to do.

use std::sync::Arc;
use std::time::Duration;

use domain::{Event, EventId, VideoEvent, VideoId};
use infra::event_log::EventLog;
use infra::event_log::envelope::Envelope;
use infra::event_log::kafka::{KafkaLog, KafkaSettings};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use test_services::{KafkaTopic, OwnKafka, kafka_broker};
use uuid::Uuid;

use super::harness::client::{Person, SendRequest};
use super::harness::server::free_port;
use super::harness::{ApiClient, Roles, Server, TestEnvironment, eventually};

const PARTITIONS: u32 = 8;

/// A contest on Kafka: one process with a projector, one without, and people who may vote.
struct Contest {
    env: TestEnvironment,
    topic: KafkaTopic,
    servers: [Server; 2],
    voters: Vec<Person>,
    videos: Vec<VideoId>,
}

impl Contest {
    async fn begin(topic: KafkaTopic) -> Self {
        let env = TestEnvironment::cluster_with_broker(topic.clone()).await;
        let servers =
            [Server::start(&env, Roles::NoTranscoder).await, Server::start(&env, Roles::Api).await];
        let api = &servers[0].api;
        let mut voters = Vec::new();
        for n in 0..4 {
            voters.push(api.new_person(&format!("Ana{n}")).await);
        }
        let videos = env.publish_videos(&voters[0], 6).await;
        api.vote(&voters[0], videos[0]).await.expect(200);
        Self { env, topic, servers, voters, videos }
    }

    /// Everybody votes for everything, through both processes. Every vote that is answered 200 must have its
    /// row; at least one vote must be answered otherwise.
    async fn vote_and_check(&self) {
        let mut others = 0;
        for (number, voter) in self.voters.iter().enumerate() {
            for video in &self.videos[1..] {
                let api = &self.servers[number % 2].api;
                let vote = api.vote(voter, *video).await;
                if vote.status == 200 {
                    assert!(self.is_counted(voter, *video).await, "{video} {:?}", vote.expect(200));
                } else {
                    others += 1;
                }
            }
        }
        assert!(others > 0, "every vote was answered 200");
    }

    async fn is_counted(&self, voter: &Person, video: VideoId) -> bool {
        let counted = "select exists (select from votes where video_id = $1 and voter = $2)";
        let voter: Uuid = voter.id.0;
        let query = sqlx::query_scalar(counted).bind(video.0).bind(voter);
        query.fetch_one(&self.env.pool).await.unwrap()
    }

    async fn wait_for_refusal(&self, parts: &[&str]) {
        for server in &self.servers {
            refusal(&server.api, parts).await;
        }
    }
}

/// Waits until the process is unready with a sentence that has all `parts`.
async fn refusal(api: &ApiClient, parts: &[&str]) {
    eventually("the log is refused", async || {
        // The server may be starting.
        let ready = api.get("/ready").try_response().await?;
        let text = String::from_utf8_lossy(&ready.body).into_owned();
        (ready.status == 503 && parts.iter().all(|part| text.contains(part))).then_some(())
    })
    .await;
}

fn own_topic(broker: &OwnKafka) -> KafkaTopic {
    KafkaTopic { brokers: broker.brokers(), topic: kafka_broker::fresh_topic() }
}

async fn open(topic: &KafkaTopic) -> Arc<dyn EventLog> {
    let KafkaTopic { brokers, topic } = topic.clone();
    let settings = KafkaSettings::plaintext(&brokers, &topic, PARTITIONS);
    let open = async || KafkaLog::open(settings.clone()).await.ok();
    Arc::new(eventually("the topic can be made", open).await)
}

/// Deletes the topic and makes it again, with `records` other records in each partition.
async fn make_again(topic: &KafkaTopic, records: usize) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &topic.brokers);
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(20)));
    let deleted = admin.delete_topics(&[&topic.topic], &options).await.unwrap();
    assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    let log = open(topic).await;
    let mut ends = vec![0; PARTITIONS as usize];
    while ends.iter().any(|end| *end < records as u64) {
        let video = VideoId(Uuid::now_v7());
        let withdrawn = domain::event::Withdrawn { owner: domain::AccountId(Uuid::now_v7()) };
        let event = Event::Video(video, VideoEvent::Withdrawn(withdrawn));
        let record = Envelope::new(EventId(Uuid::now_v7()), event).into_record().unwrap();
        for at in log.append(vec![record]).await {
            let at = at.unwrap();
            ends[at.partition as usize] = at.offset + 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_vote_is_called_counted_after_the_topic_was_made_again() {
    for records in [0, 40] {
        let contest = Contest::begin(test_services::kafka()).await;
        make_again(&contest.topic, records).await;
        contest.vote_and_check().await;
        contest.wait_for_refusal(&["folded from the kafka topic", "--adopt-log"]).await;
        contest.vote_and_check().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_was_made_again_while_no_process_ran_is_refused_until_it_is_adopted() {
    let Contest { env, topic, servers, .. } = Contest::begin(test_services::kafka()).await;
    for server in servers {
        assert!(server.interrupt().await.success());
    }
    make_again(&topic, 40).await;
    let server = Server::launch(&env, Roles::NoTranscoder, free_port(), &[]);
    refusal(&server.api, &["folded from the kafka topic", "--adopt-log"]).await;
    assert!(!env.anb(&["rebuild"]).output().await.unwrap().status.success());
    assert!(server.interrupt().await.code().is_some());
    let adopted = env.anb(&["rebuild", "--adopt-log"]).output().await.unwrap();
    assert!(adopted.status.success(), "{adopted:?}");
    let server = Server::start(&env, Roles::NoTranscoder).await;
    let bea = server.api.new_person("Bea").await;
    let videos = env.publish_videos(&bea, 1).await;
    assert_eq!(server.api.vote(&bea, videos[0]).await.expect(200)["total_votes"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_vote_is_called_counted_after_the_broker_was_restored_from_an_older_backup() {
    // On this thread: the broker ends with the thread that started it.
    let mut broker = OwnKafka::start().unwrap();
    let contest = Contest::begin(own_topic(&broker)).await;
    let voter = &contest.voters[1];
    broker.back_up().unwrap();
    broker.restart().unwrap();
    for video in &contest.videos {
        eventually("the vote is counted", async || {
            let vote = contest.servers[0].api.vote_request(voter, *video);
            let vote = vote.header("idempotency-key", video.to_string()).response().await;
            (vote.status == 200).then_some(())
        })
        .await;
    }
    broker.restore().unwrap();
    broker.restart().unwrap();
    let voters = &contest.voters[2..];
    for video in &contest.videos {
        for voter in voters {
            let vote = contest.servers[1].api.vote(voter, *video).await;
            if vote.status == 200 {
                assert!(contest.is_counted(voter, *video).await);
            }
        }
    }
    contest.wait_for_refusal(&["--adopt-log"]).await;
    let refused = contest.servers[1].api.vote(&voters[0], contest.videos[0]).await;
    assert_eq!(refused.expect(503)["code"], "unavailable");
}
