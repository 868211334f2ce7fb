//! The log in Apache Kafka: one topic, through librdkafka.
//!
//! The producer is idempotent and waits for all in-sync replicas. Readers assign themselves partitions
//! and offsets. Kafka's consumer groups and committed offsets are not used: a checkpoint commits in the
//! same transaction as the rows that it belongs to.

mod appender;
mod client;
mod reader;
mod topic;
mod topic_id;

use std::sync::Arc;

use async_trait::async_trait;
use domain::Position;
use rdkafka::consumer::Consumer;

use super::{AppendError, EventLog, LogIdentity, LogReader, NewRecord, OpenError, ReadError};
use appender::KafkaAppender;
use client::{DebugLog, MetadataClient, blocking};
use reader::{KafkaReader, end_offsets};

pub use client::KafkaSettings;

/// The log in Kafka.
pub struct KafkaLog {
    settings: Arc<KafkaSettings>,
    appender: KafkaAppender,
    metadata: Arc<MetadataClient>,
}

impl KafkaLog {
    /// Opens the log, creating the topic if there is none.
    ///
    /// # Errors
    /// [`OpenError`], also if the settings of the topic would lose events.
    pub async fn open(settings: KafkaSettings) -> Result<Self, OpenError> {
        let settings = Arc::new(settings);
        topic::ensure(&settings).await?;
        let appender = KafkaAppender::new(&settings)
            .map_err(|error| OpenError::Misconfigured(error.to_string()))?;
        let metadata: MetadataClient = settings
            .consumer()
            .create_with_context(DebugLog)
            .map_err(|error| OpenError::Misconfigured(error.to_string()))?;
        Ok(Self { settings, appender, metadata: Arc::new(metadata) })
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    fn partitions(&self) -> u32 {
        self.settings.partitions
    }

    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Position, AppendError>> {
        self.appender.append(records).await
    }

    async fn read(&self, from: &[Position]) -> Result<Box<dyn LogReader>, ReadError> {
        let settings = Arc::clone(&self.settings);
        let reader = KafkaReader::open(settings, Arc::clone(&self.metadata), from).await?;
        Ok(Box::new(reader))
    }

    async fn end_offsets(&self) -> Result<Vec<u64>, ReadError> {
        let (settings, metadata) = (Arc::clone(&self.settings), Arc::clone(&self.metadata));
        blocking(move || end_offsets(&settings, &metadata)).await
    }

    async fn identity(&self) -> Result<LogIdentity, ReadError> {
        let (settings, metadata) = (Arc::clone(&self.settings), Arc::clone(&self.metadata));
        blocking(move || {
            let topic = &settings.topic;
            let id = topic_id::topic_id(metadata.client().native_ptr(), topic);
            let id = id.map_err(ReadError::unavailable)?;
            Ok(LogIdentity::new(format!("kafka topic `{topic}` with id {id}")))
        })
        .await
    }
}
