//! The simulated world: the one log and the one database that all processes share, and its weather.

use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Timestamp;
use infra::event_log::Record;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::lane;
use crate::plan::Plan;
use crate::plant::Plant;
use crate::tables::Tables;

/// What outlives every process.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) plant: Option<Plant>,
    pub(crate) began: Instant,
    /// Moves when a record is appended.
    pub(crate) appended: watch::Sender<u64>,
    /// Moves when a batch commits.
    pub(crate) progressed: watch::Sender<u64>,
    /// Records that are on their way to the log.
    pub(crate) in_flight: AtomicU64,
    partitions: Mutex<Vec<Vec<Record>>>,
    tables: Mutex<Tables>,
    violations: Mutex<Vec<String>>,
    healed: AtomicBool,
    traced: bool,
}

impl World {
    pub(crate) fn new(plan: Plan, plant: Option<Plant>, traced: bool) -> Arc<Self> {
        let partitions = vec![Vec::new(); plan.partitions as usize];
        Arc::new(Self {
            plan,
            plant,
            began: Instant::now(),
            appended: watch::Sender::new(0),
            progressed: watch::Sender::new(0),
            in_flight: AtomicU64::new(0),
            partitions: Mutex::new(partitions),
            tables: Mutex::default(),
            violations: Mutex::default(),
            healed: AtomicBool::new(false),
            traced,
        })
    }

    /// The same log over an empty database.
    pub(crate) fn replay(&self) -> Arc<Self> {
        let world = Self::new(self.plan.clone(), None, false);
        *world.partitions() = self.partitions().clone();
        world.heal();
        world
    }

    pub(crate) fn partitions(&self) -> MutexGuard<'_, Vec<Vec<Record>>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has(&self, plant: Plant) -> bool {
        self.plant == Some(plant)
    }

    /// Whether this step meets a fault that is `weight` times as likely as the usual one.
    pub(crate) fn fault(&self, weight: f64) -> bool {
        // Drawn in any case, so that healing changes no later chance.
        lane::chance(self.plan.faults * weight) && !self.is_healed()
    }

    /// One step's delay: mostly short, now and then so long that others take a process for dead.
    pub(crate) async fn delay(&self) {
        let most = match self.fault(0.2) {
            true => 5_000,
            false if self.is_healed() => 0,
            false => self.plan.delay,
        };
        lane::pause(most).await;
    }

    /// From now on nothing goes wrong any more.
    pub(crate) fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    /// The clock of a partition's leader: not the others', and not monotone.
    pub(crate) fn broker_time(&self, partition: u32) -> Timestamp {
        let skew = u64::from(partition) * 700 + lane::below(8);
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
            // A closed pipe is the reader's choice.
            let _ = writeln!(std::io::stdout().lock(), "{at:>7} ms  {}", line());
        }
    }
}
