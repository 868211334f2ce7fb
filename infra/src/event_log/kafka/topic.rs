//! The topic: made if there is none, and refused if it would lose events.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::{KafkaSettings, OpenError, Quiet};

type Admin = AdminClient<Quiet>;

/// An answer of the brokers may take so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// A new topic may take so long to have a leader for each partition.
const CREATING: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);

/// What the log relies on. Events are for ever, and their time is the log's, not a producer's.
const PROMISES: [(&str, &str); 4] = [
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
    ("message.timestamp.type", "LogAppendTime"),
];

/// Makes the topic if it does not exist, and makes sure that it is as the log needs it.
pub(super) async fn ensure(settings: &Arc<KafkaSettings>) -> Result<(), OpenError> {
    let admin: Arc<Admin> = Arc::new(
        settings
            .client()
            .create_with_context(Quiet)
            .map_err(|error| OpenError::Misconfigured(format!("KAFKA_BROKERS: {error}")))?,
    );
    let found = match partitions(&admin, settings).await? {
        0 => create(&admin, settings).await?,
        found => found,
    };
    if found != settings.partitions {
        return Err(OpenError::PartitionCount { wanted: settings.partitions, found });
    }
    check_promises(&admin, &settings.topic).await
}

/// Creates the topic, and waits until every partition has a leader.
async fn create(admin: &Arc<Admin>, settings: &Arc<KafkaSettings>) -> Result<u32, OpenError> {
    let partitions_wanted = i32::try_from(settings.partitions).unwrap_or(i32::MAX);
    // -1: the replication that the brokers have as their default.
    let replication = TopicReplication::Fixed(-1);
    let mut topic = NewTopic::new(&settings.topic, partitions_wanted, replication);
    for (name, value) in PROMISES {
        topic = topic.set(name, value);
    }
    let created = admin
        .create_topics([&topic], &options())
        .await
        .map_err(|error| unreachable(settings, error))?;
    for result in created {
        match result {
            // Another process may have been faster.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                return Err(OpenError::Misconfigured(format!(
                    "topic `{name}` cannot be made: {code}"
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
        if started.elapsed() > CREATING {
            let why = format!("topic `{}` has no leader", settings.topic);
            return Err(OpenError::unavailable(why));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// How many partitions the topic has; 0 while there is none, or one without a leader.
async fn partitions(admin: &Arc<Admin>, settings: &Arc<KafkaSettings>) -> Result<u32, OpenError> {
    let (admin, settings) = (Arc::clone(admin), Arc::clone(settings));
    let asked = tokio::task::spawn_blocking(move || {
        let metadata = admin.inner().fetch_metadata(Some(&settings.topic), PATIENCE);
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

async fn check_promises(admin: &Admin, topic: &str) -> Result<(), OpenError> {
    let resources = [ResourceSpecifier::Topic(topic)];
    let described = admin.describe_configs(&resources, &options()).await;
    let described = described.map_err(OpenError::unavailable)?;
    for resource in described {
        let resource = resource.map_err(OpenError::unavailable)?;
        for (name, wanted) in PROMISES {
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
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
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
