//! The simulated log, as one process sees it through the port.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use domain::Position;
use infra::event_log::partition::partition_of;
use infra::event_log::{AppendError, EventLog, LogReader, NewRecord, ReadError, Record};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::lane;
use crate::plant::Plant;
use crate::world::World;

/// How long a producer waits for an acknowledgement, in milliseconds.
const ACKNOWLEDGED_WITHIN: u64 = 2_000;

/// A connection to the log.
pub(crate) struct SimLog {
    world: Arc<World>,
}

impl SimLog {
    pub(crate) fn new(world: &Arc<World>) -> Arc<Self> {
        Arc::new(Self { world: Arc::clone(world) })
    }

    async fn append_one(&self, record: NewRecord) -> Result<Position, AppendError> {
        self.world.delay().await;
        if self.world.fault(0.5) {
            return Err(AppendError::Unavailable("refused".to_owned()));
        }
        let patience = lane::moment(1) + std::time::Duration::from_millis(ACKNOWLEDGED_WITHIN);
        let acknowledged = self.send(record);
        match timeout_at(patience, acknowledged).await {
            Ok(Ok(position)) => {
                self.world.delay().await;
                Ok(position)
            }
            _ if self.world.has(Plant::UnknownTakenForUnavailable) => {
                Err(AppendError::Unavailable("no acknowledgement".to_owned()))
            }
            _ => Err(AppendError::Unknown("no acknowledgement".to_owned())),
        }
    }

    /// Sends a record on its way. What happens to it no longer depends on the process that sent it.
    fn send(&self, record: NewRecord) -> oneshot::Receiver<Position> {
        let (acknowledge, acknowledged) = oneshot::channel();
        let world = &self.world;
        let slow = if world.fault(0.5) { 2 * ACKNOWLEDGED_WITHIN } else { world.plan.delay };
        let delivery = Delivery {
            world: Arc::clone(world),
            at: lane::moment(slow),
            again_at: world.fault(2.0).then(|| lane::moment(4_000)),
            lost: world.fault(0.5),
            told: !world.fault(1.0),
            acknowledge,
        };
        world.in_flight.fetch_add(1, Ordering::Relaxed);
        match lane::current() {
            Some(lane) => tokio::spawn(lane.run(delivery.make(record))),
            None => tokio::spawn(delivery.make(record)),
        };
        acknowledged
    }
}

/// A record's way to the log.
struct Delivery {
    world: Arc<World>,
    at: Instant,
    /// The producer did not hear the acknowledgement and sends it once more.
    again_at: Option<Instant>,
    lost: bool,
    told: bool,
    acknowledge: oneshot::Sender<Position>,
}

impl Delivery {
    async fn make(self, record: NewRecord) {
        sleep_until(self.at).await;
        let loses = self.world.has(Plant::AcknowledgedBeforeAppended) && lane::chance(0.02);
        if !self.lost {
            let position = push(&self.world, &record, !loses);
            if self.told {
                // Whoever asked may be gone.
                let _ = self.acknowledge.send(position);
            }
        }
        if let (Some(again), false) = (self.again_at, self.lost || loses) {
            sleep_until(again.max(self.at)).await;
            push(&self.world, &record, true);
        }
        self.world.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn push(world: &World, new: &NewRecord, really: bool) -> Position {
    let partition = partition_of(new.key.as_bytes(), world.plan.partitions);
    let at = world.broker_time(partition);
    let mut partitions = world.partitions();
    let records = &mut partitions[partition as usize];
    let position = Position { partition, offset: records.len() as u64 };
    if !really {
        return position;
    }
    world.trace(|| format!("log: {position} {}", description(new)));
    records.push(Record {
        position,
        at,
        key: Some(new.key.clone().into_bytes().into()),
        headers: new.headers.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect(),
        value: Some(new.value.clone()),
    });
    drop(partitions);
    world.appended.send_modify(|count| *count += 1);
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
        self.world.plan.partitions
    }

    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Position, AppendError>> {
        let mut answers = Vec::new();
        for record in records {
            answers.push(self.append_one(record).await);
        }
        answers
    }

    async fn read(&self, from: &[Position]) -> Result<Box<dyn LogReader>, ReadError> {
        self.world.delay().await;
        if self.world.fault(0.5) {
            return Err(ReadError::Unavailable("no connection".to_owned()));
        }
        let mut next = from.to_vec();
        if self.world.has(Plant::ReaderSkips) && lane::chance(0.1) {
            let ends = ends(&self.world);
            for at in &mut next {
                at.offset = (at.offset + 1).min(ends[at.partition as usize]);
            }
        }
        let (world, appended) = (Arc::clone(&self.world), self.world.appended.subscribe());
        Ok(Box::new(SimReader { world, next, appended }))
    }

    async fn end_offsets(&self) -> Result<Vec<u64>, ReadError> {
        self.world.delay().await;
        Ok(ends(&self.world))
    }
}

pub(crate) fn ends(world: &World) -> Vec<u64> {
    world.partitions().iter().map(|records| records.len() as u64).collect()
}

struct SimReader {
    world: Arc<World>,
    next: Vec<Position>,
    appended: watch::Receiver<u64>,
}

#[async_trait]
impl LogReader for SimReader {
    async fn next(&mut self, max: usize) -> Result<Vec<Record>, ReadError> {
        loop {
            self.appended.mark_unchanged();
            // Not longer than the projector's tick, which would cancel this call for ever.
            lane::pause(self.world.plan.delay.min(300)).await;
            if self.world.fault(0.2) {
                return Err(ReadError::Unavailable("connection lost".to_owned()));
            }
            let batch = self.take(max);
            if !batch.is_empty() {
                return Ok(batch);
            }
            let gone = |_| ReadError::Unavailable("the log is gone".to_owned());
            self.appended.changed().await.map_err(gone)?;
        }
    }
}

impl SimReader {
    /// Some of what is there, partitions interleaved at random.
    fn take(&mut self, max: usize) -> Vec<Record> {
        let most = 1 + lane::below(max.min(64) as u64) as usize;
        let partitions = self.world.partitions();
        let mut batch = Vec::new();
        while batch.len() < most {
            let more =
                |at: &&mut Position| partitions[at.partition as usize].len() as u64 > at.offset;
            let mut open: Vec<&mut Position> = self.next.iter_mut().filter(more).collect();
            if open.is_empty() {
                break;
            }
            let chosen = lane::below(open.len() as u64) as usize;
            let at = &mut *open[chosen];
            batch.push(partitions[at.partition as usize][at.offset as usize].clone());
            at.offset += 1;
        }
        batch
    }
}
