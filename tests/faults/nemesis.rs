//! The nemesis: injects faults; a seed decides their order and duration.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;

use super::fault_proxy::{FaultProxy, NetworkCondition};
use super::services::{Service, ServiceAction};
use super::system::{PROCESSES_PER_ROLE, ROLES, SystemUnderTest};

/// A fault. Each has an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// A process is killed; its supervisor starts it again.
    Kill(usize),
    /// A process is stopped by SIGSTOP for a time.
    Hang(usize, Duration),
    /// A process is told to stop by SIGTERM; its supervisor starts it again.
    Restart(usize),
    /// A service is killed, and started after a time.
    Outage(Service, Duration),
    /// A service is stopped by SIGSTOP for a time.
    Freeze(Service, Duration),
    /// The disk of the object store is full for a time.
    DiskFull(Duration),
    /// The database refuses writes for a time.
    ReadOnly(Duration),
    /// The database fails over to a standby.
    FailOver,
    /// Every connection of a link is closed.
    Cut(usize),
    /// Every connection of a link goes silent for ever, as if a firewall had forgotten it.
    Silence(usize),
    /// A link is slow, stalled or refuses connections for a time.
    Network(usize, NetworkCondition, Duration),
}

impl Fault {
    fn kind(self) -> String {
        match self {
            Self::Kill(_) => "process killed".to_owned(),
            Self::Hang(..) => "process hung".to_owned(),
            Self::Restart(_) => "process restarted".to_owned(),
            Self::Outage(which, _) => format!("{} killed", which.name()),
            Self::Freeze(which, _) => format!("{} hung", which.name()),
            Self::DiskFull(_) => "store's disk full".to_owned(),
            Self::ReadOnly(_) => "database read-only".to_owned(),
            Self::FailOver => "database failed over".to_owned(),
            Self::Cut(_) => "connections cut".to_owned(),
            Self::Silence(_) => "connections half open".to_owned(),
            Self::Network(_, how, _) => format!("connections {}", how.name()),
        }
    }

    /// The target and the duration, for the report.
    fn details(self, system: &SystemUnderTest) -> String {
        let process = |n: usize| system.processes[n].name.clone();
        let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
        match self {
            Self::Kill(n) | Self::Restart(n) => process(n),
            Self::Hang(n, time) => format!("{}, {}", process(n), seconds(time)),
            Self::Outage(_, time)
            | Self::Freeze(_, time)
            | Self::DiskFull(time)
            | Self::ReadOnly(time) => seconds(time),
            Self::FailOver => "to a standby".to_owned(),
            Self::Cut(n) | Self::Silence(n) => LINKS[n].to_owned(),
            Self::Network(n, _, time) => format!("{}, {}", LINKS[n], seconds(time)),
        }
    }

    /// The target. Two simultaneous faults must have different targets.
    fn target(self) -> (u8, usize) {
        match self {
            Self::Kill(n) | Self::Hang(n, _) | Self::Restart(n) => (0, n),
            Self::Outage(service, _) | Self::Freeze(service, _) => (1, service as usize),
            Self::DiskFull(_) => (1, Service::Store as usize),
            Self::ReadOnly(_) | Self::FailOver => (1, Service::Database as usize),
            Self::Cut(n) | Self::Silence(n) | Self::Network(n, ..) => (2, n),
        }
    }
}

pub(crate) struct Nemesis {
    rng: StdRng,
    began: Instant,
    /// Number of injected faults by kind.
    pub(crate) faults: BTreeMap<String, usize>,
}

impl Nemesis {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self { rng, began: Instant::now(), faults: BTreeMap::new() }
    }

    pub(crate) fn count(&self) -> usize {
        self.faults.values().sum()
    }

    /// Every fault once, in random order; some coincide with another one.
    pub(crate) fn round(&mut self) -> Vec<FaultStep> {
        let mut faults = self.faults_of_a_round();
        faults.shuffle(&mut self.rng);
        let mut steps = Vec::new();
        while let Some(first) = faults.pop() {
            let together = self.rng.random_bool(0.4);
            let second = faults.pop_if(|next| together && next.target() != first.target());
            let later = self.milliseconds(0..1_500);
            let pause = self.milliseconds(200..1_200);
            steps.push(FaultStep { first, second: second.map(|fault| (later, fault)), pause });
        }
        steps
    }

    /// Injects the faults of a step and returns after their end.
    pub(crate) async fn inject(&mut self, system: &SystemUnderTest, step: &FaultStep) {
        let FaultStep { first, second, .. } = *step;
        let began = self.began;
        for fault in [Some(first), second.map(|(_, fault)| fault)].into_iter().flatten() {
            *self.faults.entry(fault.kind()).or_default() += 1;
        }
        let second = async {
            let Some((later, fault)) = second else { return };
            tokio::time::sleep(later).await;
            inject(system, fault, began).await;
        };
        tokio::join!(inject(system, first, began), second);
    }

    fn faults_of_a_round(&mut self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for role in 0..ROLES.len() {
            let [first, second, third] = [(); 3]
                .map(|()| PROCESSES_PER_ROLE * role + self.rng.random_range(0..PROCESSES_PER_ROLE));
            let time = self.long();
            faults.extend([Fault::Kill(first), Fault::Hang(second, time), Fault::Restart(third)]);
        }
        for service in [Service::Broker, Service::Database, Service::Store] {
            faults.push(Fault::Outage(service, self.briefly()));
            faults.push(Fault::Freeze(service, self.long()));
        }
        faults.push(Fault::DiskFull(self.long()));
        faults.extend([
            Fault::ReadOnly(self.long()),
            Fault::FailOver,
            Fault::Silence(DATABASE_LINK),
        ]);
        for link in 0..LINKS.len() {
            let slow = NetworkCondition::Slow(self.milliseconds(20..400));
            faults.extend([
                Fault::Cut(link),
                Fault::Network(link, NetworkCondition::Stalled, self.long()),
                Fault::Network(link, slow, self.long()),
                Fault::Network(link, NetworkCondition::Refusing, self.briefly()),
            ]);
        }
        faults
    }

    fn briefly(&mut self) -> Duration {
        self.milliseconds(300..2_000)
    }

    /// Sometimes longer than a takeover by another process.
    fn long(&mut self) -> Duration {
        self.milliseconds(500..6_000)
    }

    fn milliseconds(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.rng.random_range(range))
    }
}

/// One fault, or two that overlap.
pub(crate) struct FaultStep {
    first: Fault,
    second: Option<(Duration, Fault)>,
    /// Time without faults afterwards.
    pub(crate) pause: Duration,
}

const DATABASE_LINK: usize = 0;

/// The links, in the order of [`link`]. Each API has its own.
const LINKS: [&str; 5] =
    ["to the database", "to the broker", "to the store", "to api-1", "to api-2"];

fn link(system: &SystemUnderTest, n: usize) -> &FaultProxy {
    let services = &system.services;
    match n {
        0 => &services.to_database,
        1 => &services.to_broker,
        2 => &services.to_store,
        n => &system.to_apis[n - 3],
    }
}

async fn inject(system: &SystemUnderTest, fault: Fault, began: Instant) {
    let at = began.elapsed().as_secs_f64();
    println!("{at:>7.1} s  {}: {}", fault.kind(), fault.details(system));
    let services = &system.services;
    match fault {
        Fault::Kill(n) => system.processes[n].signal(Signal::KILL),
        Fault::Restart(n) => system.processes[n].signal(Signal::TERM),
        Fault::Hang(n, time) => {
            system.processes[n].signal(Signal::STOP);
            tokio::time::sleep(time).await;
            system.processes[n].signal(Signal::CONT);
        }
        Fault::Outage(service, time) => {
            services.apply(service, ServiceAction::Kill).await;
            tokio::time::sleep(time).await;
            services.apply(service, ServiceAction::Start).await;
        }
        Fault::Freeze(service, time) => {
            services.apply(service, ServiceAction::Freeze).await;
            tokio::time::sleep(time).await;
            services.apply(service, ServiceAction::Thaw).await;
        }
        Fault::DiskFull(time) => {
            services.apply(Service::Store, ServiceAction::FillDisk(true)).await;
            tokio::time::sleep(time).await;
            services.apply(Service::Store, ServiceAction::FillDisk(false)).await;
        }
        Fault::ReadOnly(time) => {
            services.apply(Service::Database, ServiceAction::ReadOnly(true)).await;
            tokio::time::sleep(time).await;
            services.apply(Service::Database, ServiceAction::ReadOnly(false)).await;
        }
        Fault::FailOver => services.apply(Service::Database, ServiceAction::FailOver).await,
        Fault::Cut(n) => link(system, n).cut(),
        Fault::Silence(n) => link(system, n).silence(),
        Fault::Network(n, condition, time) => {
            link(system, n).set(condition);
            tokio::time::sleep(time).await;
            link(system, n).set(NetworkCondition::Normal);
        }
    }
}
