//! The log in Apache Kafka: one topic, through librdkafka.
//!
//! The producer is idempotent and waits for all in-sync replicas. Readers are assigned partitions and
//! offsets by hand: Kafka's consumer groups and committed offsets are not used, because the
//! checkpoints live with the rows that they belong to.

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
    /// How many partitions it has, or gets.
    pub partitions: u32,
}

/// The log in Kafka.
pub struct KafkaLog {
    settings: Arc<KafkaSettings>,
    appender: KafkaAppender,
    /// Answers questions about offsets.
    inquirer: Arc<Inquirer>,
}

/// A consumer that reads nothing.
type Inquirer = BaseConsumer<Quiet>;

impl KafkaLog {
    /// Opens the log, creating the topic if there is none.
    ///
    /// # Errors
    /// [`OpenError`], also if the topic is one that would lose events.
    pub async fn open(settings: KafkaSettings) -> Result<Self, OpenError> {
        let settings = Arc::new(settings);
        topic::ensure(&settings).await?;
        let appender = KafkaAppender::new(&settings)
            .map_err(|error| OpenError::Misconfigured(error.to_string()))?;
        let inquirer: Inquirer = settings
            .consumer()
            .create_with_context(Quiet)
            .map_err(|error| OpenError::Misconfigured(error.to_string()))?;
        Ok(Self { settings, appender, inquirer: Arc::new(inquirer) })
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
        let reader = KafkaReader::open(settings, Arc::clone(&self.inquirer), from).await?;
        Ok(Box::new(reader))
    }

    async fn end_offsets(&self) -> Result<Vec<u64>, ReadError> {
        let (settings, inquirer) = (Arc::clone(&self.settings), Arc::clone(&self.inquirer));
        blocking(move || end_offsets(&settings, &inquirer)).await
    }
}

impl KafkaSettings {
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "anb")
            // A broker that comes back is found within a second, not ten.
            .set("reconnect.backoff.max.ms", "1000");
        config
    }

    fn consumer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            // The library asks for one; nothing is ever stored under it.
            .set("group.id", "anb-unused")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // An offset that is gone must be reported, never silently replaced.
            .set("auto.offset.reset", "error");
        config
    }
}

/// Keeps the library's own words out of the log: each fault is reported by whoever meets it.
#[derive(Clone, Copy)]
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, "{reason}");
    }
}

impl ConsumerContext for Quiet {}

/// Most calls of the library block.
async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    let called = tokio::task::spawn_blocking(call).await;
    called.unwrap_or_else(|error| Err(ReadError::unavailable(error)))
}
