//! The simulated cluster: the log and the database that all processes share, and the faults in them.

use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Timestamp;
use infra::event_log::Record;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::actor;
use crate::database::SimDatabase;
use crate::parameters::RunParameters;
use crate::planted_bug::PlantedBug;

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
