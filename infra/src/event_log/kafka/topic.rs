//! Creates the topic if it does not exist, and rejects one whose settings would lose events.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::client::{DebugLog, KafkaSettings};
use crate::event_log::OpenError;

type Admin = AdminClient<DebugLog>;

const BROKER_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit until each partition of a new topic has a leader.
const LEADER_TIMEOUT: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Settings that the log relies on: events never expire, and their time is that of the broker.
const REQUIRED_SETTINGS: [(&str, &str); 4] = [
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
    ("message.timestamp.type", "LogAppendTime"),
];

/// Creates the topic if it does not exist, and checks its settings.
pub(super) async fn ensure(settings: &Arc<KafkaSettings>) -> Result<(), OpenError> {
    let admin: Arc<Admin> = Arc::new(
        settings
            .client()
            .create_with_context(DebugLog)
            .map_err(|error| OpenError::Misconfigured(format!("KAFKA_BROKERS: {error}")))?,
    );
    let found = match partitions(&admin, settings).await? {
        0 => create(&admin, settings).await?,
        found => found,
    };
    if found != settings.partitions {
        return Err(OpenError::PartitionCount { wanted: settings.partitions, found });
    }
    check_settings(&admin, &settings.topic).await
}

/// Creates the topic, and waits until every partition has a leader.
async fn create(admin: &Arc<Admin>, settings: &Arc<KafkaSettings>) -> Result<u32, OpenError> {
    let partitions_wanted = i32::try_from(settings.partitions).unwrap_or(i32::MAX);
    // -1: the default replication of the brokers.
    let replication = TopicReplication::Fixed(-1);
    let mut topic = NewTopic::new(&settings.topic, partitions_wanted, replication);
    for (name, value) in REQUIRED_SETTINGS {
        topic = topic.set(name, value);
    }
    let created = admin
        .create_topics([&topic], &options())
        .await
        .map_err(|error| unreachable(settings, error))?;
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
    let started = Instant::now();
    loop {
        let found = partitions(admin, settings).await?;
        if found > 0 {
            return Ok(found);
        }
        if started.elapsed() > LEADER_TIMEOUT {
            let why = format!("topic `{}` has no leader", settings.topic);
            return Err(OpenError::unavailable(why));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// The number of partitions; 0 while the topic does not exist or a partition has no leader.
async fn partitions(admin: &Arc<Admin>, settings: &Arc<KafkaSettings>) -> Result<u32, OpenError> {
    let (admin, settings) = (Arc::clone(admin), Arc::clone(settings));
    let asked = tokio::task::spawn_blocking(move || {
        let metadata = admin.inner().fetch_metadata(Some(&settings.topic), BROKER_TIMEOUT);
        let metadata = metadata.map_err(|error| unreachable(&settings, error))?;
        let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == settings.topic)
        else {
            return Ok(0);
        };
        let ready = topic.partitions().iter().all(|partition| partition.leader() >= 0);
        let count = u32::try_from(topic.partitions().len()).unwrap_or(u32::MAX);
        Ok(if ready { count } else { 0 })
    });
    asked.await.unwrap_or_else(|error| Err(OpenError::unavailable(error)))
}

async fn check_settings(admin: &Admin, topic: &str) -> Result<(), OpenError> {
    let resources = [ResourceSpecifier::Topic(topic)];
    let described = admin.describe_configs(&resources, &options()).await;
    let described = described.map_err(OpenError::unavailable)?;
    for resource in described {
        let resource = resource.map_err(OpenError::unavailable)?;
        for (name, wanted) in REQUIRED_SETTINGS {
            let found = resource.get(name).and_then(|entry| entry.value.as_deref());
            if found != Some(wanted) {
                return Err(OpenError::Misconfigured(format!(
                    "topic `{topic}` has {name}={}, the log needs {wanted}",
                    found.unwrap_or("nothing")
                )));
            }
        }
    }
    Ok(())
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(BROKER_TIMEOUT))
        .operation_timeout(Some(BROKER_TIMEOUT))
}

/// No broker answered.
#[derive(Debug, thiserror::Error)]
#[error("nobody answers at {brokers}: {source}")]
struct Unreachable {
    brokers: String,
    source: KafkaError,
}

fn unreachable(settings: &KafkaSettings, source: KafkaError) -> OpenError {
    OpenError::unavailable(Unreachable { brokers: settings.brokers.clone(), source })
}
