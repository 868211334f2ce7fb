//! What the brokers say of the topic: its partitions, their leaders and their copies.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::client::{MetadataClient, drain_events};

/// The answer to a query for one topic.
pub(super) struct Answer {
    /// The number of brokers that are up.
    pub(super) brokers: usize,
    /// The topic, if it exists.
    pub(super) topology: Option<Topology>,
    /// Why the topic is not shown, unless it just does not exist.
    pub(super) error: Option<RDKafkaErrorCode>,
}

/// The partitions of an existing topic.
pub(super) struct Topology(BTreeMap<u32, Partition>);

struct Partition {
    leader: Option<i32>,
    replicas: usize,
}

impl Topology {
    pub(super) fn partitions(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// The partitions without a leader.
    pub(super) fn leaderless(&self) -> Vec<u32> {
        let without = self.0.iter().filter(|(_, partition)| partition.leader.is_none());
        without.map(|(number, _)| *number).collect()
    }

    /// The smallest number of copies of a partition.
    pub(super) fn replication(&self) -> usize {
        self.0.values().map(|partition| partition.replicas).min().unwrap_or_default()
    }

    /// Those of `wanted` that have a leader, by the number of its broker.
    pub(super) fn by_leader(&self, wanted: &[u32]) -> BTreeMap<i32, Vec<u32>> {
        let mut leaders: BTreeMap<i32, Vec<u32>> = BTreeMap::new();
        for number in wanted {
            let leader = self.0.get(number).and_then(|partition| partition.leader);
            if let Some(leader) = leader {
                leaders.entry(leader).or_default().push(*number);
            }
        }
        leaders
    }
}

/// Asks any broker, with one request. It never creates the topic.
pub(super) fn topology(
    client: &MetadataClient,
    topic: &str,
    timeout: Duration,
) -> Result<Answer, KafkaError> {
    let metadata = client.fetch_metadata(Some(topic), timeout);
    drain_events(client);
    let metadata = metadata?;
    let brokers = metadata.brokers().len();
    let missing = Answer { brokers, topology: None, error: None };
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
        return Ok(missing);
    };
    let error = found.error().map(RDKafkaErrorCode::from);
    match error {
        None => {}
        // While a topic is created, the brokers know its name only.
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::LeaderNotAvailable) => {
            return Ok(missing);
        }
        error => return Ok(Answer { error, ..missing }),
    }
    let partitions = found.partitions().iter().filter_map(|partition| {
        let leader = Some(partition.leader()).filter(|leader| *leader >= 0);
        let replicas = partition.replicas().len();
        Some((u32::try_from(partition.id()).ok()?, Partition { leader, replicas }))
    });
    let partitions: BTreeMap<u32, Partition> = partitions.collect();
    let topology = (!partitions.is_empty()).then_some(Topology(partitions));
    Ok(Answer { brokers, topology, error: None })
}
