//! The simulated cluster: the log and the database that all processes share, and the faults in them.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Timestamp;
use infra::event_log::Record;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use crate::actor;
use crate::database::SimDatabase;
use crate::parameters::{LogLoss, RunParameters};
use crate::planted_bug::PlantedBug;
use crate::recount::is_newer;

/// A log that has lost records.
#[derive(Clone, Debug)]
pub(crate) struct LogLossState {
    /// Whether it is another log now.
    pub(crate) created_again: bool,
    /// The fingerprints of the records before.
    pub(crate) old: BTreeSet<Uuid>,
    /// Partitions that were folded beyond what is left. Folding on would skip records.
    pub(crate) closed: BTreeSet<u32>,
}

/// The state that outlives every process.
pub(crate) struct SimCluster {
    pub(crate) params: RunParameters,
    pub(crate) planted: Option<PlantedBug>,
    pub(crate) began: Instant,
    /// Changes when a record is appended.
    pub(crate) appended: watch::Sender<u64>,
    /// Changes when a batch commits.
    pub(crate) progressed: watch::Sender<u64>,
    /// Records that are sent and not yet appended.
    pub(crate) in_flight: AtomicU64,
    partitions: Mutex<Vec<Vec<Record>>>,
    /// What the log has lost, if it has lost anything.
    loss: Mutex<Option<LogLossState>>,
    database: Mutex<SimDatabase>,
    violations: Mutex<Vec<String>>,
    healed: AtomicBool,
    traced: bool,
}

impl SimCluster {
    pub(crate) fn new(
        params: RunParameters,
        planted: Option<PlantedBug>,
        traced: bool,
    ) -> Arc<Self> {
        let partitions = vec![Vec::new(); params.partitions as usize];
        Arc::new(Self {
            params,
            planted,
            began: Instant::now(),
            appended: watch::Sender::new(0),
            progressed: watch::Sender::new(0),
            in_flight: AtomicU64::new(0),
            partitions: Mutex::new(partitions),
            loss: Mutex::default(),
            database: Mutex::default(),
            violations: Mutex::default(),
            healed: AtomicBool::new(false),
            traced,
        })
    }

    /// The same log over an empty database.
    pub(crate) fn replay(&self) -> Arc<Self> {
        let cluster = Self::new(self.params.clone(), None, false);
        *cluster.partitions() = self.partitions().clone();
        cluster.heal();
        cluster
    }

    pub(crate) fn partitions(&self) -> MutexGuard<'_, Vec<Vec<Record>>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loses records of the log. Readers that are open get an error.
    pub(crate) fn lose_records(&self, loss: LogLoss) {
        let mut partitions = self.partitions();
        let old = partitions.iter().flatten().map(Record::fingerprint).collect();
        let folded = self.database().checkpoints.clone();
        let folded = |partition: usize| folded.get(&(partition as u32)).copied().unwrap_or(0);
        let mut closed = BTreeSet::new();
        match loss {
            LogLoss::CreatedAgain => {
                if (0..partitions.len()).any(|partition| folded(partition) > 0) {
                    closed.extend(0..self.params.partitions);
                }
                partitions.iter_mut().for_each(Vec::clear);
            }
            LogLoss::Cut => {
                let cut = actor::below(partitions.len() as u64) as usize;
                let left = actor::below(partitions[cut].len() as u64 + 1);
                partitions[cut].truncate(left as usize);
                if folded(cut) > left {
                    closed.insert(cut as u32);
                }
            }
        }
        drop(partitions);
        self.trace(|| format!("log: {loss:?}, no partition of {closed:?} may be folded further"));
        let state = LogLossState { created_again: loss == LogLoss::CreatedAgain, old, closed };
        *self.loss.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
        self.appended.send_modify(|count| *count += 1);
    }

    /// What the log has lost.
    pub(crate) fn loss(&self) -> Option<LogLossState> {
        self.loss.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first record of a partition that only a newer version can read.
    pub(crate) fn newer_record(&self, partition: u32) -> Option<u64> {
        let partitions = self.partitions();
        partitions[partition as usize]
            .iter()
            .find(|record| is_newer(record))
            .map(|record| record.position.offset)
    }

    pub(crate) fn database(&self) -> MutexGuard<'_, SimDatabase> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has(&self, planted: PlantedBug) -> bool {
        self.planted == Some(planted)
    }

    /// Whether this step fails; `weight` multiplies the run's fault rate.
    pub(crate) fn fault(&self, weight: f64) -> bool {
        // Draws in any case, so that healing changes no later draw.
        actor::chance(self.params.faults * weight) && !self.is_healed()
    }

    /// One step's delay: mostly short, sometimes so long that other processes time out.
    pub(crate) async fn delay(&self) {
        let most = match self.fault(0.2) {
            true => 5_000,
            false if self.is_healed() => 0,
            false => self.params.delay,
        };
        actor::pause(most).await;
    }

    /// Ends all faults.
    pub(crate) fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    /// The clock of a partition's leader: skewed against the other leaders, and not monotone.
    pub(crate) fn broker_time(&self, partition: u32) -> Timestamp {
        let skew = u64::from(partition) * 700 + actor::below(8);
        let since = self.began.elapsed() + Duration::from_millis(skew);
        Timestamp::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + since
    }

    pub(crate) fn violation(&self, what: impl Display) {
        self.trace(|| format!("VIOLATION {what}"));
        let mut violations = self.violations.lock().unwrap_or_else(PoisonError::into_inner);
        violations.push(what.to_string());
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn trace(&self, line: impl FnOnce() -> String) {
        if self.traced {
            let at = self.began.elapsed().as_millis();
            // The reader may have closed the pipe.
            let _ = writeln!(std::io::stdout().lock(), "{at:>7} ms  {}", line());
        }
    }
}
