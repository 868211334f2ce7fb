//! The log in Apache Kafka: one topic, through librdkafka.
//!
//! The producer is idempotent and waits for all in-sync replicas. Readers assign themselves partitions
//! and offsets. Kafka's consumer groups and committed offsets are not used: a checkpoint commits in the
//! same transaction as the rows that it belongs to.

mod appender;
mod reader;
mod topic;

use std::sync::Arc;

use async_trait::async_trait;
use domain::Position;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::KafkaError;

use super::{AppendError, EventLog, LogReader, NewRecord, OpenError, ReadError};
use appender::KafkaAppender;
use reader::{KafkaReader, end_offsets};

/// Where the log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `host:port`, joined by commas.
    pub brokers: String,
    /// The topic.
    pub topic: String,
    /// The number of partitions.
    pub partitions: u32,
}

/// The log in Kafka.
pub struct KafkaLog {
    settings: Arc<KafkaSettings>,
    appender: KafkaAppender,
    metadata: Arc<MetadataClient>,
}

/// A consumer that reads no records: it asks only for offsets.
type MetadataClient = BaseConsumer<DebugLog>;

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
}

impl KafkaSettings {
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "anb")
            // The default of 10 s would delay the reconnection to a restarted broker.
            .set("reconnect.backoff.max.ms", "1000");
        config
    }

    fn consumer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            // The library requires one; nothing is stored under it.
            .set("group.id", "anb-unused")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // A missing offset must be reported and never replaced silently.
            .set("auto.offset.reset", "error");
        config
    }
}

/// Logs the library's own messages only at `debug`: the caller that gets an error reports it.
#[derive(Clone, Copy)]
struct DebugLog;

impl ClientContext for DebugLog {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, "{reason}");
    }
}

impl ConsumerContext for DebugLog {}

/// Most calls of the library block.
async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    let called = tokio::task::spawn_blocking(call).await;
    called.unwrap_or_else(|error| Err(ReadError::unavailable(error)))
}
