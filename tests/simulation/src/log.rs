//! The simulated log, as one process sees it through the port.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use domain::Position;
use infra::event_log::partition::partition_of;
use infra::event_log::{
    AppendError, EventLog, LogIdentity, LogReader, NewRecord, ReadError, Record,
};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::actor;
use crate::cluster::SimCluster;
use crate::planted_bug::PlantedBug;

/// Bounds how long a producer waits for an acknowledgement, in milliseconds.
const ACKNOWLEDGEMENT_TIMEOUT_MS: u64 = 2_000;

/// A connection to the log.
pub(crate) struct SimLog {
    cluster: Arc<SimCluster>,
}

impl SimLog {
    pub(crate) fn new(cluster: &Arc<SimCluster>) -> Arc<Self> {
        Arc::new(Self { cluster: Arc::clone(cluster) })
    }

    async fn append_one(&self, record: NewRecord) -> Result<Position, AppendError> {
        self.cluster.delay().await;
        if self.cluster.fault(0.5) {
            return Err(AppendError::unavailable("refused"));
        }
        let deadline =
            actor::time_slot(1) + std::time::Duration::from_millis(ACKNOWLEDGEMENT_TIMEOUT_MS);
        let acknowledged = self.send(record);
        match timeout_at(deadline, acknowledged).await {
            Ok(Ok(position)) => {
                self.cluster.delay().await;
                Ok(position)
            }
            _ if self.cluster.has(PlantedBug::UnknownTakenForUnavailable) => {
                Err(AppendError::unavailable("no acknowledgement"))
            }
            _ => Err(AppendError::unknown("no acknowledgement")),
        }
    }

    /// Sends a record. Its delivery no longer depends on the process that sent it.
    fn send(&self, record: NewRecord) -> oneshot::Receiver<Position> {
        let (acknowledge, acknowledged) = oneshot::channel();
        let cluster = &self.cluster;
        let slow =
            if cluster.fault(0.5) { 2 * ACKNOWLEDGEMENT_TIMEOUT_MS } else { cluster.params.delay };
        let delivery = Delivery {
            cluster: Arc::clone(cluster),
            at: actor::time_slot(slow),
            again_at: cluster.fault(2.0).then(|| actor::time_slot(4_000)),
            lost: cluster.fault(0.5),
            acknowledges: !cluster.fault(1.0),
            acknowledge,
        };
        cluster.in_flight.fetch_add(1, Ordering::Relaxed);
        match actor::current() {
            Some(actor) => tokio::spawn(actor.run(delivery.deliver(record))),
            None => tokio::spawn(delivery.deliver(record)),
        };
        acknowledged
    }
}

/// The delivery of a record to the log.
struct Delivery {
    cluster: Arc<SimCluster>,
    at: Instant,
    /// The producer missed the acknowledgement and sends the record once more.
    again_at: Option<Instant>,
    lost: bool,
    acknowledges: bool,
    acknowledge: oneshot::Sender<Position>,
}

impl Delivery {
    async fn deliver(self, record: NewRecord) {
        sleep_until(self.at).await;
        let loses_record =
            self.cluster.has(PlantedBug::AcknowledgedBeforeAppended) && actor::chance(0.02);
        if !self.lost {
            let position = push(&self.cluster, &record, !loses_record);
            if self.acknowledges {
                // The producer may have timed out.
                let _ = self.acknowledge.send(position);
            }
        }
        if let (Some(again), false) = (self.again_at, self.lost || loses_record) {
            sleep_until(again.max(self.at)).await;
            push(&self.cluster, &record, true);
        }
        self.cluster.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn push(cluster: &SimCluster, new: &NewRecord, appends: bool) -> Position {
    let partition = partition_of(new.key.as_bytes(), cluster.params.partitions);
    let at = cluster.broker_time(partition);
    let mut partitions = cluster.partitions();
    let records = &mut partitions[partition as usize];
    let position = Position { partition, offset: records.len() as u64 };
    if !appends {
        return position;
    }
    cluster.trace(|| format!("log: {position} {}", description(new)));
    records.push(Record {
        position,
        at,
        key: Some(new.key.clone().into_bytes().into()),
        headers: new.headers.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect(),
        value: Some(new.value.clone()),
    });
    drop(partitions);
    cluster.appended.send_modify(|count| *count += 1);
    position
}

fn description(new: &NewRecord) -> String {
    let header = |name: &str| {
        new.headers.iter().find(|(key, _)| key == name).map_or("?", |(_, value)| value.as_str())
    };
    format!("{} {} {}", header("ce_id"), header("ce_type"), String::from_utf8_lossy(&new.value))
}

#[async_trait]
impl EventLog for SimLog {
    fn partitions(&self) -> u32 {
        self.cluster.params.partitions
    }

    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Position, AppendError>> {
        let mut answers = Vec::new();
        for record in records {
            answers.push(self.append_one(record).await);
        }
        answers
    }

    async fn read(&self, from: &[Position]) -> Result<Box<dyn LogReader>, ReadError> {
        self.cluster.delay().await;
        if self.cluster.fault(0.5) {
            return Err(ReadError::unavailable("no connection"));
        }
        let mut next = from.to_vec();
        if self.cluster.has(PlantedBug::ReaderSkips) && actor::chance(0.1) {
            let ends = ends(&self.cluster);
            for at in &mut next {
                at.offset = (at.offset + 1).min(ends[at.partition as usize]);
            }
        }
        let ends = ends(&self.cluster);
        for at in &next {
            let end = ends[at.partition as usize];
            if at.offset > end {
                let Position { partition, offset: requested } = *at;
                return Err(ReadError::OffsetGone { partition, requested, first: 0, end });
            }
        }
        let (cluster, appended) = (Arc::clone(&self.cluster), self.cluster.appended.subscribe());
        let opened_after_loss = cluster.loss().is_some();
        Ok(Box::new(SimReader { cluster, next, appended, opened_after_loss }))
    }

    async fn identity(&self) -> Result<LogIdentity, ReadError> {
        self.cluster.delay().await;
        let created_again = self.cluster.loss().is_some_and(|loss| loss.created_again);
        Ok(LogIdentity::new(if created_again { "second log" } else { "first log" }))
    }

    async fn end_offsets(&self) -> Result<Vec<u64>, ReadError> {
        self.cluster.delay().await;
        Ok(ends(&self.cluster))
    }
}

pub(crate) fn ends(cluster: &SimCluster) -> Vec<u64> {
    cluster.partitions().iter().map(|records| records.len() as u64).collect()
}

struct SimReader {
    cluster: Arc<SimCluster>,
    next: Vec<Position>,
    appended: watch::Receiver<u64>,
    opened_after_loss: bool,
}

#[async_trait]
impl LogReader for SimReader {
    async fn next(&mut self, max: usize) -> Result<Vec<Record>, ReadError> {
        loop {
            self.appended.mark_unchanged();
            // Shorter than the projector's tick, which would cancel every call.
            actor::pause(self.cluster.params.delay.min(300)).await;
            if self.cluster.fault(0.2) {
                return Err(ReadError::unavailable("connection lost"));
            }
            if self.cluster.loss().is_some() && !self.opened_after_loss {
                return Err(ReadError::unavailable("the broker has closed the connection"));
            }
            let batch = self.take(max);
            if !batch.is_empty() {
                return Ok(batch);
            }
            let gone = |_| ReadError::unavailable("the log is closed");
            self.appended.changed().await.map_err(gone)?;
        }
    }
}

impl SimReader {
    /// Some of the next records, partitions interleaved at random.
    fn take(&mut self, max: usize) -> Vec<Record> {
        let most = 1 + actor::below(max.min(64) as u64) as usize;
        let partitions = self.cluster.partitions();
        let mut batch = Vec::new();
        while batch.len() < most {
            let more =
                |at: &&mut Position| partitions[at.partition as usize].len() as u64 > at.offset;
            let mut open: Vec<&mut Position> = self.next.iter_mut().filter(more).collect();
            if open.is_empty() {
                break;
            }
            let chosen = actor::below(open.len() as u64) as usize;
            let at = &mut *open[chosen];
            batch.push(partitions[at.partition as usize][at.offset as usize].clone());
            at.offset += 1;
        }
        batch
    }
}
