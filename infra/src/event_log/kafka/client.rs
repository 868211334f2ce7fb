//! Settings of the library's clients.

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::KafkaError;

use crate::event_log::ReadError;

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

impl KafkaSettings {
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "anb")
            // The default of 10 s would delay the reconnection to a restarted broker.
            .set("reconnect.backoff.max.ms", "1000");
        config
    }

    pub(super) fn consumer(&self) -> ClientConfig {
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

/// A consumer that reads no records: it asks only for offsets.
pub(super) type MetadataClient = BaseConsumer<DebugLog>;

/// Logs the library's own messages only at `debug`: the caller that gets an error reports it.
#[derive(Clone, Copy)]
pub(super) struct DebugLog;

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
pub(super) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    let called = tokio::task::spawn_blocking(call).await;
    called.unwrap_or_else(|error| Err(ReadError::unavailable(error)))
}
