//! Reads on a thread of its own, because polling the library blocks. The thread hands over chunks of
//! records through a bounded channel.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::DateTime;
use domain::Position;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use super::client::{DebugLog, MetadataClient, blocking};
use super::offsets::{bounds, number};
use crate::config::KafkaSettings;
use crate::event_log::{LogReader, ReadError, Record};

/// The limit of each query for the offsets that exist.
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(3);
/// The polling thread notices within this time that its reader was dropped.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);
/// Records in one chunk.
const CHUNK_RECORDS: usize = 1_024;
/// Chunks in the channel. With [`CHUNK_RECORDS`] they hold one batch of a rebuild.
const CHANNEL_CHUNKS: usize = 16;

/// The broker answers a fetch when it has this many bytes or this time is over. Fewer, larger answers
/// cost the broker less than many small ones.
const FETCH_BYTES: &str = "32768";
const FETCH_WAIT_MS: &str = "10";

type Chunk = Result<Vec<Record>, Fault>;

/// An error of the polling thread.
enum Fault {
    /// The broker does not have the next offset.
    OffsetGone,
    /// Any other fault; the reader may be called again.
    Transient(KafkaError),
}

/// A reader and the thread that feeds it.
pub(super) struct KafkaReader {
    settings: Arc<KafkaSettings>,
    metadata: Arc<MetadataClient>,
    chunks: mpsc::Receiver<Chunk>,
    /// Records that arrived and that the caller has not taken yet.
    ready: VecDeque<Record>,
    /// The error that came after those records.
    fault: Option<Fault>,
    /// The next offset of each partition.
    next: BTreeMap<u32, u64>,
}

impl KafkaReader {
    pub(super) async fn open(
        settings: Arc<KafkaSettings>,
        metadata: Arc<MetadataClient>,
        from: &[Position],
    ) -> Result<Self, ReadError> {
        let next: BTreeMap<u32, u64> = from.iter().map(|at| (at.partition, at.offset)).collect();
        let (sender, chunks) = mpsc::channel(CHANNEL_CHUNKS);
        blocking({
            let (settings, metadata) = (Arc::clone(&settings), Arc::clone(&metadata));
            let next = next.clone();
            move || {
                check(&settings, &metadata, &next)?;
                let consumer = assigned(&settings, &next).map_err(ReadError::unavailable)?;
                std::thread::Builder::new()
                    .name("kafka-reader".to_owned())
                    .spawn(move || poll_until_closed(&consumer, &sender))
                    .map_err(ReadError::unavailable)
            }
        })
        .await?;
        Ok(Self { settings, metadata, chunks, ready: VecDeque::new(), fault: None, next })
    }

    fn take(&mut self, chunk: Chunk) {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(fault) => {
                self.fault = Some(fault);
                return;
            }
        };
        for Position { partition, offset } in chunk.iter().map(|record| record.position) {
            self.next.insert(partition, offset + 1);
        }
        self.ready.extend(chunk);
    }

    /// Finds out which offset is missing; the library does not tell.
    async fn offset_gone(&self) -> ReadError {
        let (settings, metadata) = (Arc::clone(&self.settings), Arc::clone(&self.metadata));
        let next = self.next.clone();
        let found = blocking(move || check(&settings, &metadata, &next));
        match found.await {
            Err(error) => error,
            Ok(()) => ReadError::unavailable("an offset was gone, and is back"),
        }
    }
}

#[async_trait]
impl LogReader for KafkaReader {
    async fn next(&mut self, max: usize) -> Result<Vec<Record>, ReadError> {
        while self.ready.is_empty() {
            match self.fault.take() {
                // The library delivers no more of that partition, so this fault is permanent.
                Some(Fault::OffsetGone) => {
                    self.fault = Some(Fault::OffsetGone);
                    return Err(self.offset_gone().await);
                }
                Some(Fault::Transient(error)) => return Err(ReadError::unavailable(error)),
                None => {}
            }
            let chunk = self.chunks.recv().await.ok_or_else(thread_ended)?;
            self.take(chunk);
        }
        // No await from here on, so a dropped call loses no record.
        while self.ready.len() < max && self.fault.is_none() {
            let Ok(chunk) = self.chunks.try_recv() else { break };
            self.take(chunk);
        }
        let taken = self.ready.len().min(max);
        Ok(self.ready.drain(..taken).collect())
    }
}

fn thread_ended() -> ReadError {
    ReadError::unavailable("the polling thread has ended")
}

fn assigned(
    settings: &KafkaSettings,
    next: &BTreeMap<u32, u64>,
) -> Result<BaseConsumer<DebugLog>, KafkaError> {
    let consumer: BaseConsumer<DebugLog> = settings
        .consumer()
        .set("fetch.min.bytes", FETCH_BYTES)
        .set("fetch.wait.max.ms", FETCH_WAIT_MS)
        .set("fetch.error.backoff.ms", "50")
        // Limits the records that the library prefetches into memory.
        .set("queued.max.messages.kbytes", "16384")
        .set("fetch.queue.backoff.ms", "10")
        // The default would drop a projector that waits for its database for more than 5 minutes.
        .set("max.poll.interval.ms", "86400000")
        .create_with_context(DebugLog)?;
    let mut partitions = TopicPartitionList::new();
    for (partition, offset) in next {
        let offset = Offset::Offset(i64::try_from(*offset).unwrap_or(i64::MAX));
        partitions.add_partition_offset(&settings.topic, number(*partition), offset)?;
    }
    consumer.assign(&partitions)?;
    Ok(consumer)
}

/// Polls until the reader is dropped. The consumer is closed on this thread, because closing may block.
fn poll_until_closed(consumer: &BaseConsumer<DebugLog>, chunks: &mpsc::Sender<Chunk>) {
    while !chunks.is_closed() {
        let Some(first) = consumer.poll(POLL_TIMEOUT) else { continue };
        let mut records = Vec::new();
        let mut polled = Some(first);
        let fault = loop {
            match polled {
                Some(Ok(message)) => records.push(record(&message)),
                Some(Err(error)) if concerns_one_broker(&error) => {}
                Some(Err(error)) => break Some(fault(error)),
                None => break None,
            }
            if records.len() == CHUNK_RECORDS {
                break None;
            }
            polled = consumer.poll(Duration::ZERO);
        };
        let chunk = (!records.is_empty()).then_some(Ok(records));
        for item in chunk.into_iter().chain(fault.map(Err)) {
            if chunks.blocking_send(item).is_err() {
                return;
            }
        }
    }
}

/// Whether the error tells of a connection to one broker. The library connects again by itself. Other
/// brokers still deliver, so the reader goes on.
fn concerns_one_broker(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{BrokerTransportFailure, Resolve};
    matches!(error.rdkafka_error_code(), Some(BrokerTransportFailure | Resolve))
}

fn fault(error: KafkaError) -> Fault {
    use RDKafkaErrorCode::{AutoOffsetReset, OffsetOutOfRange};
    match error.rdkafka_error_code() {
        Some(AutoOffsetReset | OffsetOutOfRange) => Fault::OffsetGone,
        _ => Fault::Transient(error),
    }
}

fn record(message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers();
    let headers = || headers.iter().flat_map(|headers| headers.iter());
    let parts = [message.key(), message.payload()];
    let parts = parts.into_iter().chain(headers().map(|header| header.value));
    let mut copies = copies(parts.collect()).into_iter();
    let mut copy = || copies.next().flatten();
    let (key, value) = (copy(), copy());
    let headers = headers().map(|h| (h.key.to_owned(), copy().unwrap_or_default())).collect();
    let millis = message.timestamp().to_millis().unwrap_or_default();
    Record {
        position: Position {
            // Neither is negative in a message that was consumed.
            partition: u32::try_from(message.partition()).unwrap_or_default(),
            offset: u64::try_from(message.offset()).unwrap_or_default(),
        },
        at: DateTime::from_timestamp_millis(millis).unwrap_or_default(),
        key,
        headers,
        value,
    }
}

/// Copies of all parts in one allocation.
fn copies(parts: Vec<Option<&[u8]>>) -> Vec<Option<Bytes>> {
    let mut whole = BytesMut::with_capacity(parts.iter().flatten().map(|part| part.len()).sum());
    parts.iter().flatten().for_each(|part| whole.extend_from_slice(part));
    let mut whole = whole.freeze();
    parts.into_iter().map(|part| Some(whole.split_to(part?.len()))).collect()
}

/// Checks that each offset exists or is the end. A partition without a leader is not checked: the broker
/// that becomes its leader reports a missing offset at the first fetch.
fn check(
    settings: &KafkaSettings,
    metadata: &MetadataClient,
    next: &BTreeMap<u32, u64>,
) -> Result<(), ReadError> {
    let partitions: Vec<u32> = next.keys().copied().collect();
    let bounds = bounds(metadata, &settings.topic, &partitions, OFFSETS_TIMEOUT)?;
    for (partition, (first, end)) in bounds {
        let requested = next.get(&partition).copied().unwrap_or_default();
        if !(first..=end).contains(&requested) {
            return Err(ReadError::OffsetGone { partition, requested, first, end });
        }
    }
    Ok(())
}
