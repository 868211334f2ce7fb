//! Appends through the library, which batches the queued records, and waits for their acknowledgements.
//!
//! A record that the library did not accept was not appended. Once it is queued, any error but a record
//! that is too large means that the outcome is unknown: the broker may have written it.

use std::sync::{PoisonError, RwLock};

use domain::Position;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer as _};

use super::circuit_breaker::CircuitBreakers;
use super::client::DebugLog;
use super::offsets::number;
use crate::config::KafkaSettings;
use crate::event_log::partition::partition_of;
use crate::event_log::{AppendError, MAX_RECORD_BYTES, NewRecord};

type Producer = FutureProducer<DebugLog>;

/// A producer, which is replaced after a fatal error.
pub(super) struct KafkaAppender {
    topic: String,
    partitions: u32,
    config: ClientConfig,
    producer: RwLock<Producer>,
    breakers: CircuitBreakers,
}

impl KafkaAppender {
    pub(super) fn new(settings: &KafkaSettings) -> KafkaResult<Self> {
        let mut config = settings.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // Long enough to fill a batch under load, too short to notice without: what a broker does
            // for a request costs more than what it does for a record.
            .set("linger.ms", "5")
            // Afterwards the outcome is unknown.
            .set("message.timeout.ms", "5000")
            .set("queue.buffering.max.messages", "16384")
            .set("queue.buffering.max.kbytes", "65536");
        let producer = config.create_with_context(DebugLog)?;
        let (topic, partitions) = (settings.topic.clone(), settings.partitions);
        let breakers = CircuitBreakers::new(partitions);
        Ok(Self { topic, partitions, config, producer: RwLock::new(producer), breakers })
    }

    pub(super) async fn append(
        &self,
        records: Vec<NewRecord>,
    ) -> Vec<Result<Position, AppendError>> {
        let producer = self.producer.read().unwrap_or_else(PoisonError::into_inner).clone();
        let queued: Vec<Result<DeliveryFuture, AppendError>> =
            records.into_iter().map(|record| self.queue(&producer, record)).collect();
        let mut positions = Vec::with_capacity(queued.len());
        for delivery in queued {
            positions.push(match delivery {
                Ok(delivery) => self.delivered(delivery).await,
                Err(error) => Err(error),
            });
        }
        if positions.iter().any(Result::is_err) {
            self.renew_after_fatal_error(&producer);
        }
        positions
    }

    fn queue(&self, producer: &Producer, record: NewRecord) -> Result<DeliveryFuture, AppendError> {
        let record = record.checked()?;
        let partition = partition_of(record.key.as_bytes(), self.partitions);
        if !self.breakers.admits(partition) {
            let why = format!("no leader acknowledges appends to partition {partition}");
            return Err(AppendError::unavailable(why));
        }
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in &record.headers {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        let message = FutureRecord::to(&self.topic)
            .partition(number(partition))
            .key(&record.key)
            .headers(headers)
            .payload(record.value.as_ref());
        producer.send_result(message).map_err(|(error, _)| AppendError::unavailable(error))
    }

    /// After a fatal error an idempotent producer accepts no more records. Its callers have got
    /// [`AppendError::Unknown`], so a new producer may start a new sequence.
    fn renew_after_fatal_error(&self, failed: &Producer) {
        let Some((_, reason)) = failed.client().fatal_error() else { return };
        let mut producer = self.producer.write().unwrap_or_else(PoisonError::into_inner);
        if producer.client().native_ptr() != failed.client().native_ptr() {
            return; // Another caller has replaced it.
        }
        tracing::warn!(reason, "the producer failed and is replaced");
        metrics::counter!("anb_log_producer_renewals_total").increment(1);
        match self.config.create_with_context(DebugLog) {
            Ok(renewed) => *producer = renewed,
            Err(error) => tracing::error!(%error, "no new producer can be created"),
        }
    }

    async fn delivered(&self, delivery: DeliveryFuture) -> Result<Position, AppendError> {
        match delivery.await {
            Ok(Ok(at)) => match (u32::try_from(at.partition), u64::try_from(at.offset)) {
                (Ok(partition), Ok(offset)) => {
                    self.breakers.succeeded(partition);
                    Ok(Position { partition, offset })
                }
                _ => Err(AppendError::unknown(format!(
                    "the broker acknowledged position {}:{}",
                    at.partition, at.offset
                ))),
            },
            Ok(Err((KafkaError::MessageProduction(code), message))) => {
                Err(self.failed(code, &message))
            }
            Ok(Err((error, _))) => Err(AppendError::unknown(error)),
            Err(_) => Err(AppendError::unknown("the producer was closed")),
        }
    }

    fn failed(&self, code: RDKafkaErrorCode, message: &OwnedMessage) -> AppendError {
        match code {
            RDKafkaErrorCode::MessageSizeTooLarge => {
                let bytes = message.payload().map_or(0, <[u8]>::len);
                return AppendError::TooLarge { bytes, max: MAX_RECORD_BYTES };
            }
            RDKafkaErrorCode::MessageTimedOut => {
                if let Ok(partition) = u32::try_from(message.partition()) {
                    self.breakers.timed_out(partition);
                }
            }
            _ => {}
        }
        AppendError::unknown(KafkaError::MessageProduction(code))
    }
}
