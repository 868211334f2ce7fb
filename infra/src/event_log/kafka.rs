//! The log in Apache Kafka: one topic, through librdkafka.
//!
//! The producer is idempotent and waits for all in-sync replicas. Readers assign themselves partitions
//! and offsets. Kafka's consumer groups and committed offsets are not used: a checkpoint commits in the
//! same transaction as the rows that it belongs to.

mod appender;
mod circuit_breaker;
mod client;
mod durability;
mod offsets;
mod reader;
mod topic;
mod topic_id;
mod topology;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::Position;
use rdkafka::consumer::Consumer;

use crate::config::{KafkaSasl, PasswordMechanism};

use super::{
    AppendError, EventLog, LogIdentity, LogReader, NewRecord, NoLeader, OpenError, ReadError,
};
use appender::KafkaAppender;
use client::{ConnectionErrors, MetadataClient, blocking, check_files, misconfigured};
use reader::KafkaReader;

pub use crate::config::KafkaSettings;

/// The limit of each query for end offsets. It is below that of the readiness check, which can so name
/// the partitions of a broker that does not answer.
const END_OFFSETS_TIMEOUT: Duration = Duration::from_millis(1_500);

/// How long a caller that needs every end offset waits for the leaders.
const ALL_LEADERS_TIMEOUT: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

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
        check_files(&settings)?;
        let settings = Arc::new(settings);
        let metadata: MetadataClient = settings
            .consumer()
            .create_with_context(ConnectionErrors::default())
            .map_err(misconfigured)?;
        let metadata = Arc::new(metadata);
        topic::ensure(&settings, &metadata).await?;
        warn_of_open_password(&settings);
        let appender = KafkaAppender::new(&settings).map_err(misconfigured)?;
        Ok(Self { settings, appender, metadata })
    }

    async fn ask_end_offsets(&self) -> Result<Vec<Option<u64>>, ReadError> {
        let (settings, metadata) = (Arc::clone(&self.settings), Arc::clone(&self.metadata));
        blocking(move || {
            let (topic, partitions) = (&settings.topic, settings.partitions);
            offsets::end_offsets(&metadata, topic, partitions, END_OFFSETS_TIMEOUT)
        })
        .await
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

    /// Asks again for a while: a leader may be changing, or be busy.
    async fn end_offsets(&self) -> Result<Vec<u64>, ReadError> {
        let started = Instant::now();
        loop {
            let ends = self.ask_end_offsets().await?;
            match NoLeader::among(&ends) {
                None => return Ok(ends.into_iter().flatten().collect()),
                Some(error) if started.elapsed() > ALL_LEADERS_TIMEOUT => {
                    return Err(ReadError::unavailable(error));
                }
                Some(_) => tokio::time::sleep(POLL_INTERVAL).await,
            }
        }
    }

    async fn known_end_offsets(&self) -> Result<Vec<Option<u64>>, ReadError> {
        let ends = self.ask_end_offsets().await?;
        match NoLeader::among(&ends) {
            Some(error) if error.partitions.len() == ends.len() => {
                Err(ReadError::unavailable(error))
            }
            _ => Ok(ends),
        }
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

fn warn_of_open_password(settings: &KafkaSettings) {
    let security = &settings.security;
    if let (None, Some(KafkaSasl::Password { mechanism: PasswordMechanism::Plain, .. })) =
        (&security.tls, &security.sasl)
    {
        tracing::warn!("the password of Kafka travels unencrypted: use sasl_ssl, or SCRAM");
    }
}
