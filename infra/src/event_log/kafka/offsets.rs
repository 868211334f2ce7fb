//! The first and the end offsets of partitions: one request per broker, not one per partition.
//!
//! A partition without a leader, or whose leader does not answer, has no known offsets. The others do.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::client::MetadataClient;
use super::topology::{Topology, topology};
use crate::event_log::ReadError;

/// The offsets of one kind, by partition. Unknown ones are missing.
pub(super) type Offsets = BTreeMap<u32, u64>;

/// Asks for the offset that the next record of each partition will get. It is `None` where no leader answers.
pub(super) fn end_offsets(
    client: &MetadataClient,
    topic: &str,
    partitions: u32,
    timeout: Duration,
) -> Result<Vec<Option<u64>>, ReadError> {
    let topology = existing(client, topic, timeout)?;
    let wanted: Vec<u32> = (0..partitions).collect();
    let ends = list(client, topic, &topology, &wanted, Offset::End, timeout);
    let unknown = wanted.iter().filter(|partition| !ends.contains_key(partition)).count();
    metrics::gauge!("anb_log_partitions_without_leader").set(unknown as f64);
    Ok(wanted.iter().map(|partition| ends.get(partition).copied()).collect())
}

/// The first and the end offset of each of `wanted` whose leader answers.
pub(super) fn bounds(
    client: &MetadataClient,
    topic: &str,
    wanted: &[u32],
    timeout: Duration,
) -> Result<BTreeMap<u32, (u64, u64)>, ReadError> {
    let topology = existing(client, topic, timeout)?;
    let first = list(client, topic, &topology, wanted, Offset::Beginning, timeout);
    let ends = list(client, topic, &topology, wanted, Offset::End, timeout);
    let both = |(partition, first)| Some((partition, (first, *ends.get(&partition)?)));
    Ok(first.into_iter().filter_map(both).collect())
}

fn existing(
    client: &MetadataClient,
    topic: &str,
    timeout: Duration,
) -> Result<Topology, ReadError> {
    let found = topology(client, topic, timeout).map_err(ReadError::unavailable)?;
    found.topology.ok_or_else(|| {
        let topic = topic.to_owned();
        ReadError::unavailable(found.error.map_or(
            NoTopic::Missing { topic: topic.clone() },
            |code| NoTopic::Refused { topic, code },
        ))
    })
}

/// Asks each leader for the offsets of its partitions, all leaders at once. A leader that does not answer
/// costs the timeout and the offsets of its own partitions only.
fn list(
    client: &MetadataClient,
    topic: &str,
    topology: &Topology,
    wanted: &[u32],
    which: Offset,
    timeout: Duration,
) -> Offsets {
    let leaders = topology.by_leader(wanted);
    std::thread::scope(|scope| {
        let asking: Vec<_> = leaders
            .iter()
            .map(|(leader, partitions)| {
                scope.spawn(move || {
                    let answer = ask(client, topic, partitions, which, timeout);
                    answer.unwrap_or_else(|error| {
                        tracing::debug!(%error, leader, "the leader reports no offsets");
                        Offsets::new()
                    })
                })
            })
            .collect();
        asking.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    })
}

/// One request, of Kafka's API `ListOffsets`.
fn ask(
    client: &MetadataClient,
    topic: &str,
    partitions: &[u32],
    which: Offset,
    timeout: Duration,
) -> Result<Offsets, KafkaError> {
    let mut query = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        // The library takes times in this field; the protocol's two special times are these offsets.
        query.add_partition_offset(topic, number(*partition), which)?;
    }
    let answer = client.offsets_for_times(query, timeout)?;
    Ok(answer
        .elements()
        .iter()
        .filter_map(|element| {
            element.error().ok()?;
            let Offset::Offset(offset) = element.offset() else { return None };
            Some((u32::try_from(element.partition()).ok()?, u64::try_from(offset).ok()?))
        })
        .collect())
}

pub(super) fn number(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}

/// The brokers do not show the topic.
#[derive(Debug, thiserror::Error)]
enum NoTopic {
    #[error("topic `{topic}` does not exist")]
    Missing { topic: String },
    #[error("the brokers do not show topic `{topic}`: {code}")]
    Refused { topic: String, code: rdkafka::types::RDKafkaErrorCode },
}
