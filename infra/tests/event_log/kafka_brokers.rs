//! Brokers as they are found: with Kafka's defaults, far away, with many partitions, without a leader.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Position;
use infra::config::KafkaSettings;
use infra::event_log::kafka::KafkaLog;
use infra::event_log::partition::partition_of;
use infra::event_log::{AppendError, EventLog, OpenError};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use test_services::java::free_port;
use test_services::{KafkaCluster, KafkaTopic, OwnKafka, kafka_broker};
use tokio::net::TcpListener;

use crate::fixture::{TIMEOUT, append, eventually, read, record, settings};
use crate::slow_proxy;

/// One round trip for each of 1,024 partitions takes ten seconds.
const ROUND_TRIP: Duration = Duration::from_millis(10);
/// Far more than a few round trips, on a busy machine too.
const FEW_ROUND_TRIPS: Duration = Duration::from_secs(5);
const MANY_PARTITIONS: u32 = 1_024;

fn admin(brokers: &str) -> AdminClient<DefaultClientContext> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("allow.auto.create.topics", "false");
    config.create().unwrap()
}

/// The value of a setting of a broker or a topic.
async fn setting(brokers: &str, of: ResourceSpecifier<'_>, name: &str) -> String {
    let described = admin(brokers).describe_configs([&of], &AdminOptions::new()).await.unwrap();
    described[0].as_ref().unwrap().get(name).unwrap().value.clone().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_stock_broker_only_we_create_the_topic() {
    let KafkaTopic { brokers, topic } = test_services::kafka();
    let stock = setting(&brokers, ResourceSpecifier::Broker(1), "auto.create.topics.enable").await;
    assert_eq!(stock, "true", "a broker with Kafka's defaults creates topics");

    let log = KafkaLog::open(settings(brokers.clone(), topic.clone())).await.unwrap();

    let retention = setting(&brokers, ResourceSpecifier::Topic(&topic), "retention.ms").await;
    assert_eq!(retention, "-1");
    admin(&brokers).delete_topics(&[&topic], &AdminOptions::new()).await.unwrap();
    eventually("the topic is gone", async || log.end_offsets().await.is_err()).await;
    assert!(log.append(vec![record("video-1", 0)]).await.remove(0).is_err());
    assert!(log.end_offsets().await.is_err(), "no query and no append has created it again");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_partitions_cost_few_round_trips() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = (free_port().unwrap(), listener.local_addr().unwrap().port());
    slow_proxy::start(listener, near, ROUND_TRIP);
    let _broker = OwnKafka::start_behind(far, near).unwrap();
    let brokers = format!("127.0.0.1:{far}");
    let topic = kafka_broker::fresh_topic();
    let log = KafkaLog::open(KafkaSettings::plaintext(brokers, topic, MANY_PARTITIONS));
    let log = log.await.unwrap();
    let keys: Vec<String> = (0..200).map(|n| format!("video-{n}")).collect();
    let appended = keys.iter().enumerate().map(|(n, key)| record(key, n)).collect();
    let positions: BTreeSet<Position> = append(&log, appended).await.into_iter().collect();

    let started = Instant::now();
    let ends = log.end_offsets().await.unwrap();
    let beginning: Vec<Position> =
        (0..MANY_PARTITIONS).map(|partition| Position { partition, offset: 0 }).collect();
    let mut reader = log.read(&beginning).await.unwrap();
    let took = started.elapsed();

    assert!(took < FEW_ROUND_TRIPS, "{took:?}");
    assert_eq!(ends.len(), MANY_PARTITIONS as usize);
    assert_eq!(ends.iter().sum::<u64>(), keys.len() as u64);
    let read = read(reader.as_mut(), keys.len()).await;
    assert_eq!(read.iter().map(|record| record.position).collect::<BTreeSet<_>>(), positions);
}

/// Three brokers. Node 2 dies, and with it the only copies of partitions 1 and 3 of one topic.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_without_a_leader_stops_no_other() {
    let mut cluster = KafkaCluster::start(3).unwrap();
    let brokers = cluster.brokers();
    let single = single_copies(&brokers).await;
    let log = Arc::new(KafkaLog::open(single.clone()).await.unwrap());
    let durable = a_new_topic_is_durable(&brokers).await;
    let mut reader = log.read(&beginning()).await.unwrap();
    append(log.as_ref(), (0..4).map(|partition| record(&key_of(partition), 0)).collect()).await;
    read(reader.as_mut(), 4).await;

    cluster.node(2).unwrap().kill();

    eventually("the partitions of the dead broker are named", async || {
        let error = log.end_offsets().await.err();
        error.is_some_and(|error| {
            error.to_string().contains("no leader answers for partitions 1, 3")
        })
    })
    .await;
    assert_eq!(log.known_end_offsets().await.unwrap(), [Some(1), None, Some(1), None]);
    let late = log.append(vec![record(&key_of(1), 1)]);
    let others = async {
        append(log.as_ref(), vec![record(&key_of(0), 1), record(&key_of(2), 1)]).await;
        read(reader.as_mut(), 2).await
    };
    let (late, others) = tokio::join!(late, tokio::time::timeout(TIMEOUT, others));
    assert!(late[0].is_err(), "nobody has acknowledged it");
    assert_eq!(others.unwrap().len(), 2);
    let next = log.append(vec![record(&key_of(1), 1)]);
    let next = tokio::time::timeout(Duration::from_secs(1), next).await;
    let next = next.expect("callers no longer wait for a leader").remove(0);
    assert!(matches!(next, Err(AppendError::Unavailable(_))), "{next:?}");
    append(&durable, vec![record(&key_of(1), 0)]).await;

    let started_late = KafkaLog::open(single).await.unwrap();
    let mut late_reader = started_late.read(&beginning()).await.unwrap();
    let seen: BTreeSet<u32> = read(late_reader.as_mut(), 4)
        .await
        .iter()
        .map(|record| record.position.partition)
        .collect();
    assert_eq!(seen, BTreeSet::from([0, 2]), "the others can be read");

    cluster.node(2).unwrap().restart().unwrap();
    eventually("appends succeed again", async || {
        log.append(vec![record(&key_of(1), 2)]).await.remove(0).is_ok()
    })
    .await;
    assert!(!read(reader.as_mut(), 1).await.is_empty(), "the reader goes on");
    assert!(!read(late_reader.as_mut(), 2).await.is_empty(), "so does the one that began without");
}

fn beginning() -> Vec<Position> {
    (0..4).map(|partition| Position { partition, offset: 0 }).collect()
}

/// A key of this partition among four.
fn key_of(partition: u32) -> String {
    let mut keys = (0..).map(|n| format!("video-{n}"));
    keys.find(|key| partition_of(key.as_bytes(), 4) == partition).unwrap()
}

/// A topic whose partitions have one copy each, in turn on node 1 and node 2. It is opened with a warning
/// only, and refused where durability is required.
async fn single_copies(brokers: &str) -> KafkaSettings {
    let topic = kafka_broker::fresh_topic();
    let copies: [&[i32]; 4] = [&[1], &[2], &[1], &[2]];
    let new = NewTopic::new(&topic, 4, TopicReplication::Variable(&copies))
        .set("retention.ms", "-1")
        .set("message.timestamp.type", "LogAppendTime");
    let created = admin(brokers).create_topics([&new], &AdminOptions::new()).await.unwrap();
    created[0].as_ref().unwrap();
    let single = settings(brokers.to_owned(), topic.clone());
    eventually("every partition has a leader", async || {
        let log = KafkaLog::open(single.clone()).await.unwrap();
        log.end_offsets().await.is_ok()
    })
    .await;
    let strict = KafkaSettings { require_durable: true, ..single.clone() };
    let error = KafkaLog::open(strict).await.err().unwrap();
    let wanted = format!("topic `{topic}` could lose acknowledged events: replication factor 1 (");
    assert!(
        matches!(&error, OpenError::Misconfigured(text)
            if text.contains(&wanted) && text.contains("min.insync.replicas=1 (")),
        "{error}"
    );
    single
}

/// A topic that the log creates on three brokers has three copies, of which two acknowledge.
async fn a_new_topic_is_durable(brokers: &str) -> KafkaLog {
    let strict = KafkaSettings {
        require_durable: true,
        ..settings(brokers.to_owned(), kafka_broker::fresh_topic())
    };
    let topic = strict.topic.clone();
    let log = KafkaLog::open(strict).await.unwrap();
    let resource = ResourceSpecifier::Topic(&topic);
    assert_eq!(setting(brokers, resource, "min.insync.replicas").await, "2");
    log
}
