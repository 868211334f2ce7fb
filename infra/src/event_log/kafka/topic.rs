//! Creates the topic if it does not exist, and rejects one whose settings would lose events.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::client::{DebugLog, MetadataClient, blocking, misconfigured};
use super::durability::Durability;
use super::offsets::end_offsets;
use super::topology::{Answer, Topology, topology};
use crate::config::KafkaSettings;
use crate::event_log::{NoLeader, OpenError};

type Admin = AdminClient<DebugLog>;

const BROKER_TIMEOUT: Duration = Duration::from_secs(5);
/// One query for the topic. Between two of them a refused connection ends the wait.
const QUERY_TIMEOUT: Duration = Duration::from_secs(1);
/// The time limit until each partition of a new topic has a leader that answers.
const LEADER_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Settings that the log relies on: events never expire, and their time is that of the broker.
const REQUIRED_SETTINGS: [(&str, &str); 4] = [
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
    ("message.timestamp.type", "LogAppendTime"),
];

/// Copies of each partition of a new topic where there are so many brokers, and the copies that must
/// exist before an append is acknowledged.
const REPLICATION: i32 = 3;
const MIN_INSYNC: &str = "2";

/// Creates the topic if it does not exist, and checks its settings.
///
/// A partition of an existing topic may be without a leader. Streams in other partitions can go on.
pub(super) async fn ensure(
    settings: &Arc<KafkaSettings>,
    client: &Arc<MetadataClient>,
) -> Result<(), OpenError> {
    let admin: Admin = settings.client().create_with_context(DebugLog).map_err(misconfigured)?;
    let answer = ask(client, settings).await?;
    let topology = match answer.topology {
        Some(topology) => topology,
        None => create(&admin, client, settings, answer.brokers).await?,
    };
    let found = topology.partitions();
    if found != settings.partitions {
        return Err(OpenError::PartitionCount { wanted: settings.partitions, found });
    }
    let partitions = topology.leaderless();
    if !partitions.is_empty() {
        let topic = &settings.topic;
        tracing::warn!(topic, "{}; the other partitions work", NoLeader { partitions });
    }
    let described = describe(&admin, &settings.topic).await?;
    check_required(&settings.topic, &described)?;
    let value = |name| described.get(name).and_then(|entry| entry.value.as_deref());
    let durability = Durability {
        replication: topology.replication(),
        min_insync: value("min.insync.replicas").and_then(|copies| copies.parse().ok()),
        unclean_election: value("unclean.leader.election.enable").and_then(|on| on.parse().ok()),
    };
    durability.check(&settings.topic, settings.require_durable)
}

/// Creates the topic, and waits until it can be used.
async fn create(
    admin: &Admin,
    client: &Arc<MetadataClient>,
    settings: &Arc<KafkaSettings>,
    brokers: usize,
) -> Result<Topology, OpenError> {
    let partitions = i32::try_from(settings.partitions).unwrap_or(i32::MAX);
    let is_cluster = i32::try_from(brokers).is_ok_and(|brokers| brokers >= REPLICATION);
    // -1: the default replication of the brokers.
    let replication = TopicReplication::Fixed(if is_cluster { REPLICATION } else { -1 });
    let mut topic = NewTopic::new(&settings.topic, partitions, replication);
    for (name, value) in REQUIRED_SETTINGS {
        topic = topic.set(name, value);
    }
    if is_cluster {
        topic = topic.set("min.insync.replicas", MIN_INSYNC);
    }
    let created = admin
        .create_topics([&topic], &options())
        .await
        .map_err(|error| unreachable(settings, client, error))?;
    for result in created {
        match result {
            // Another process may have created it.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                return Err(OpenError::Misconfigured(format!(
                    "topic `{name}` cannot be created: {code}"
                )));
            }
        }
    }
    wait_for_leaders(client, settings).await
}

/// Waits until the leader of every partition answers. A broker needs seconds to make a thousand of them.
async fn wait_for_leaders(
    client: &Arc<MetadataClient>,
    settings: &Arc<KafkaSettings>,
) -> Result<Topology, OpenError> {
    let started = Instant::now();
    loop {
        let answer = ask(client, settings).await?;
        if let Some(topology) = answer.topology.filter(|found| found.leaderless().is_empty()) {
            let count = topology.partitions();
            let (client, settings) = (Arc::clone(client), Arc::clone(settings));
            let ends =
                blocking(move || end_offsets(&client, &settings.topic, count, QUERY_TIMEOUT)).await;
            if ends.is_ok_and(|ends| ends.iter().all(Option::is_some)) {
                return Ok(topology);
            }
        }
        if started.elapsed() > LEADER_TIMEOUT {
            let why =
                format!("not every partition of the new topic `{}` has a leader", settings.topic);
            return Err(OpenError::unavailable(why));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// What the brokers know of the topic.
async fn ask(
    client: &Arc<MetadataClient>,
    settings: &Arc<KafkaSettings>,
) -> Result<Answer, OpenError> {
    let (client, settings) = (Arc::clone(client), Arc::clone(settings));
    let asked = tokio::task::spawn_blocking(move || {
        let started = Instant::now();
        loop {
            match topology(&client, &settings.topic, QUERY_TIMEOUT) {
                Ok(Answer { error: Some(code), .. }) => {
                    let topic = &settings.topic;
                    let why = format!("the brokers do not show topic `{topic}`: {code}");
                    return Err(OpenError::Misconfigured(why));
                }
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    let refused = client.context().last_is_refusal();
                    if refused || started.elapsed() > BROKER_TIMEOUT {
                        return Err(unreachable(&settings, &client, error));
                    }
                }
            }
        }
    });
    asked.await.unwrap_or_else(|error| Err(OpenError::unavailable(error)))
}

/// The settings of the topic. A broker of a cluster may not have heard of a new topic yet.
async fn describe(admin: &Admin, topic: &str) -> Result<ConfigResource, OpenError> {
    let started = Instant::now();
    loop {
        let resources = [ResourceSpecifier::Topic(topic)];
        let described = admin.describe_configs(&resources, &options()).await;
        let described = described.map_err(OpenError::unavailable)?.pop();
        let why = match described {
            Some(Ok(described)) if !described.entries.is_empty() => return Ok(described),
            Some(Err(code)) if code != RDKafkaErrorCode::UnknownTopicOrPartition => {
                return Err(cannot_read(topic, &code.to_string()));
            }
            _ => "the broker does not know it",
        };
        if started.elapsed() > BROKER_TIMEOUT {
            return Err(cannot_read(topic, why));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn cannot_read(topic: &str, why: &str) -> OpenError {
    OpenError::unavailable(format!("the settings of topic `{topic}` cannot be read: {why}"))
}

fn check_required(topic: &str, described: &ConfigResource) -> Result<(), OpenError> {
    for (name, wanted) in REQUIRED_SETTINGS {
        let found = described.get(name).and_then(|entry| entry.value.as_deref());
        if found != Some(wanted) {
            return Err(OpenError::Misconfigured(format!(
                "topic `{topic}` has {name}={}, the log needs {wanted}",
                found.unwrap_or("nothing")
            )));
        }
    }
    Ok(())
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(BROKER_TIMEOUT))
        .operation_timeout(Some(BROKER_TIMEOUT))
}

/// No broker answered, or none accepted the connection.
#[derive(Debug, thiserror::Error)]
#[error("no broker of {brokers} can be used ({reason}): {source}")]
struct Unreachable {
    brokers: String,
    source: KafkaError,
    reason: String,
}

fn unreachable(settings: &KafkaSettings, client: &MetadataClient, source: KafkaError) -> OpenError {
    let last = client.context().take();
    // A broker that closes the connection at once gives no reason.
    let reason = last.map_or("is KAFKA_SECURITY_PROTOCOL right?".to_owned(), |error| error.reason);
    OpenError::unavailable(Unreachable { brokers: settings.brokers.clone(), source, reason })
}
