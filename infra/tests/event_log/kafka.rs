//! Tests of the Kafka adapter only.

use std::time::{Duration, Instant};

use domain::event::VoteCast;
use domain::{AccountId, Event, EventId, Position, VideoEvent, VideoId};
use infra::event_log::envelope::Envelope;
use infra::event_log::kafka::KafkaLog;
use infra::event_log::{EventLog, OpenError, ReadError};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message, Timestamp};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use test_services::KafkaTopic;
use uuid::Uuid;

use crate::fixture::{TIMEOUT, append, beginning, eventually, read, record, settings};

#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_partitions_is_rejected() {
    let KafkaTopic { brokers, topic } = test_services::kafka();
    let mut five = settings(brokers.clone(), topic.clone());
    KafkaLog::open(settings(brokers, topic)).await.unwrap();
    five.partitions = 5;

    let error = KafkaLog::open(five).await.err().unwrap();

    assert!(matches!(error, OpenError::PartitionCount { wanted: 5, found: 4 }), "{error:?}");
    assert!(error.to_string().contains("set LOG_PARTITIONS=4, or copy the log"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_would_lose_events_is_rejected() {
    let KafkaTopic { brokers, topic } = test_services::kafka();
    let forgetful = NewTopic::new(&topic, 4, TopicReplication::Fixed(1))
        .set("message.timestamp.type", "LogAppendTime")
        .set("retention.ms", "3600000");
    let created = admin(&brokers).create_topics([&forgetful], &AdminOptions::new()).await.unwrap();
    created[0].as_ref().unwrap();

    let error = KafkaLog::open(settings(brokers, topic.clone())).await.err().unwrap();

    let wanted = format!("topic `{topic}` has retention.ms=3600000, the log needs -1");
    assert!(matches!(&error, OpenError::Misconfigured(text) if *text == wanted), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_do_not_answer_are_named_within_seconds() {
    let started = Instant::now();
    let nobody = settings("127.0.0.1:1".to_owned(), "anb.test".to_owned());
    let error = KafkaLog::open(nobody).await.err().unwrap().to_string();
    assert!(error.contains("no broker of 127.0.0.1:1 can be used ("), "{error}");
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_may_create_the_topic_at_once() {
    let KafkaTopic { brokers, topic } = test_services::kafka();
    let open = || KafkaLog::open(settings(brokers.clone(), topic.clone()));
    let (one, two, three) = tokio::join!(open(), open(), open());
    for log in [one, two, three] {
        assert_eq!(log.unwrap().end_offsets().await.unwrap(), [0; 4]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_reports_records_that_the_broker_deleted() {
    let KafkaTopic { brokers, topic } = test_services::kafka();
    let log = KafkaLog::open(settings(brokers.clone(), topic.clone())).await.unwrap();
    let records = (0..10).map(|n| record("video-1", n)).collect();
    let at = append(&log, records).await[0];
    let mut during = log.read(&[Position { offset: 10, ..at }]).await.unwrap();

    append(&log, (10..15).map(|n| record("video-1", n)).collect()).await;
    let mut before = TopicPartitionList::new();
    let partition = i32::try_from(at.partition).unwrap();
    before.add_partition_offset(&topic, partition, Offset::Offset(5)).unwrap();
    admin(&brokers).delete_records(&before, &AdminOptions::new()).await.unwrap();

    let gone = ReadError::OffsetGone { partition: at.partition, requested: 0, first: 5, end: 15 };
    assert_eq!(log.read(&beginning()).await.err().unwrap().to_string(), gone.to_string());
    assert_eq!(read(during.as_mut(), 5).await.len(), 5, "what is left can be read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_reports_a_topic_that_was_created_again() {
    let KafkaTopic { brokers, topic } = test_services::kafka();
    let log = KafkaLog::open(settings(brokers.clone(), topic.clone())).await.unwrap();
    append(&log, (0..10).map(|n| record("video-1", n)).collect()).await;
    let mut reader = log.read(&beginning()).await.unwrap();
    read(reader.as_mut(), 10).await;

    admin(&brokers).delete_topics(&[&topic], &AdminOptions::new()).await.unwrap();
    eventually("the topic is new", async || {
        let anew = settings(brokers.clone(), topic.clone());
        match KafkaLog::open(anew).await {
            Ok(log) => log.end_offsets().await.is_ok_and(|ends| ends.iter().all(|end| *end == 0)),
            Err(_) => false,
        }
    })
    .await;

    let gone = async {
        loop {
            match reader.next(10).await {
                Ok(records) => panic!("{records:?}"),
                Err(ReadError::Unavailable(_)) => {}
                Err(gone) => return gone,
            }
        }
    };
    let gone = tokio::time::timeout(TIMEOUT, gone).await.unwrap();
    assert!(matches!(gone, ReadError::OffsetGone { requested: 10, end: 0, .. }), "{gone}");
}

/// Reads with a plain consumer, as `kcat` does.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_a_cloud_event_in_the_binary_mode() {
    let KafkaTopic { brokers, topic } = test_services::kafka();
    let log = KafkaLog::open(settings(brokers.clone(), topic.clone())).await.unwrap();
    let (video, voter) = (VideoId(Uuid::from_u128(1)), AccountId(Uuid::from_u128(2)));
    let event = Event::Video(video, VideoEvent::VoteCast(VoteCast { voter }));
    let envelope = Envelope::new(EventId(Uuid::from_u128(3)), event);
    let position = append(&log, vec![envelope.into_record().unwrap()]).await[0];

    let message = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &brokers)
            .set("group.id", "anb-test")
            .create()
            .unwrap();
        let mut from = TopicPartitionList::new();
        let partition = i32::try_from(position.partition).unwrap();
        from.add_partition_offset(&topic, partition, Offset::Beginning).unwrap();
        consumer.assign(&from).unwrap();
        consumer.poll(TIMEOUT).unwrap().unwrap().detach()
    })
    .await
    .unwrap();

    assert_eq!(message.key(), Some(format!("video-{}", video.0).as_bytes()));
    assert!(matches!(message.timestamp(), Timestamp::LogAppendTime(_)));
    let header = |name: &str| {
        let headers = message.headers().unwrap();
        let found = headers.iter().find(|header| header.key == name).unwrap();
        String::from_utf8(found.value.unwrap().to_vec()).unwrap()
    };
    assert_eq!(header("ce_specversion"), "1.0");
    assert_eq!(header("ce_type"), "anb.vote.cast");
    assert_eq!(header("ce_id"), Uuid::from_u128(3).to_string());
    assert_eq!(header("ce_source"), "/anb");
    assert_eq!(header("ce_subject"), format!("video-{}", video.0));
    assert_eq!(header("ce_schemaversion"), "1");
    assert_eq!(header("content-type"), "application/json");
    assert!(chrono::DateTime::parse_from_rfc3339(&header("ce_time")).is_ok());
    let payload: serde_json::Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
    assert_eq!(payload, serde_json::json!({"voter": voter.0.to_string()}));
}

fn admin(brokers: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_topic_has_an_identity_of_its_own() {
    let (one, other) = (crate::fixture::kafka().await, crate::fixture::kafka().await);
    assert_ne!(one.identity().await.unwrap(), other.identity().await.unwrap());
}
