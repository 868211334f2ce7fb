//! Records with any content, written to the log without any check.

use std::time::Duration;

use domain::Position;
use infra::event_log::NewRecord;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};

use super::environment::TestEnvironment;

/// A record whose parts may all be invalid.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawRecord {
    pub(crate) partition: u32,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) value: Option<Vec<u8>>,
}

impl RawRecord {
    /// A valid record, in a partition of choice.
    pub(crate) fn of(record: NewRecord, partition: u32) -> Self {
        Self {
            partition,
            key: Some(record.key.into_bytes()),
            headers: record.headers.into_iter().map(|(k, v)| (k, v.into_bytes())).collect(),
            value: Some(record.value.to_vec()),
        }
    }

    pub(crate) fn set(&mut self, header: &str, value: &[u8]) {
        self.headers.retain(|(name, _)| name != header);
        self.headers.push((header.to_owned(), value.to_vec()));
    }
}

impl TestEnvironment {
    /// Appends a record without any check.
    pub(crate) async fn write_raw(&self, record: RawRecord) -> Position {
        match &self.cluster {
            Some(cluster) => {
                write_to_kafka(&cluster.kafka.brokers, &cluster.kafka.topic, record).await
            }
            None => self.write_to_postgres(record).await,
        }
    }

    async fn write_to_postgres(&self, record: RawRecord) -> Position {
        let partition = record.partition;
        // The column is JSON, so bytes that are not UTF-8 are replaced; the record stays invalid.
        let headers: Vec<(String, String)> = record
            .headers
            .into_iter()
            .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
            .collect();
        let offset: i64 = sqlx::query_scalar(
            r#"with head as (
                   update event_log_heads set next_offset = next_offset + 1 where partition = $1
                   returning next_offset - 1 as "offset"
               )
               insert into event_log (partition, "offset", appended_at, key, headers, value)
               select $1, "offset", now(), $2, $3::json, $4 from head returning "offset""#,
        )
        .bind(partition as i32)
        .bind(record.key)
        .bind(serde_json::to_string(&headers).unwrap())
        .bind(record.value)
        .fetch_one(&self.pool)
        .await
        .unwrap();
        sqlx::query("notify anb_event_log").execute(&self.pool).await.unwrap();
        Position { partition, offset: offset as u64 }
    }
}

async fn write_to_kafka(brokers: &str, topic: &str, record: RawRecord) -> Position {
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    let mut headers = OwnedHeaders::new();
    for (key, value) in &record.headers {
        headers = headers.insert(Header { key, value: Some(value) });
    }
    let mut message =
        FutureRecord::<[u8], [u8]>::to(topic).partition(record.partition as i32).headers(headers);
    message.key = record.key.as_deref();
    message.payload = record.value.as_deref();
    let delivery = producer.send(message, Duration::from_secs(10)).await.unwrap();
    Position { partition: record.partition, offset: delivery.offset as u64 }
}
