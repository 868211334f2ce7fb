//! What goes wrong, and when: decided by a seed.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;

use super::proxy::{Link, Weather};
use super::services::{Deed, Service};
use super::stack::Stack;

/// A fault, which ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// A process is killed, and started again by whoever looks after it.
    Kill(usize),
    /// A process hangs.
    Hang(usize, Duration),
    /// A process is told to stop.
    Restart(usize),
    /// A service is killed, and comes back after a while.
    Outage(Service, Duration),
    /// A service hangs.
    Freeze(Service, Duration),
    /// The object store can write nothing.
    DiskFull(Duration),
    /// Connections are cut in the middle of whatever they carry.
    Cut(usize),
    /// The network is bad.
    Network(usize, Weather, Duration),
}

impl Fault {
    fn kind(self) -> String {
        let service = |service| match service {
            Service::Broker => "broker",
            Service::Database => "database",
            Service::Store => "store",
        };
        let weather = |weather| match weather {
            Weather::Stalled => "stalled",
            Weather::Slow(_) => "slow",
            Weather::Refusing | Weather::Fair => "refused",
        };
        match self {
            Self::Kill(_) => "process killed".to_owned(),
            Self::Hang(..) => "process hung".to_owned(),
            Self::Restart(_) => "process restarted".to_owned(),
            Self::Outage(which, _) => format!("{} killed", service(which)),
            Self::Freeze(which, _) => format!("{} hung", service(which)),
            Self::DiskFull(_) => "store's disk full".to_owned(),
            Self::Cut(_) => "connections cut".to_owned(),
            Self::Network(_, how, _) => format!("connections {}", weather(how)),
        }
    }

    /// What it strikes; two faults at a time strike different things.
    fn target(self) -> (u8, usize) {
        match self {
            Self::Kill(n) | Self::Hang(n, _) | Self::Restart(n) => (0, n),
            Self::Outage(service, _) | Self::Freeze(service, _) => (1, service as usize),
            Self::DiskFull(_) => (1, Service::Store as usize),
            Self::Cut(n) | Self::Network(n, ..) => (2, n),
        }
    }
}

pub(crate) struct Nemesis {
    rng: StdRng,
    /// How many faults of each kind there were.
    pub(crate) faults: BTreeMap<String, usize>,
}

impl Nemesis {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), faults: BTreeMap::new() }
    }

    pub(crate) fn count(&self) -> usize {
        self.faults.values().sum()
    }

    /// Strikes once, or twice at the same time, and returns when all is well again.
    pub(crate) async fn strike(&mut self, stack: &Stack) {
        let first = self.choose(stack);
        let second = self.choose(stack);
        let both = first.target() != second.target() && self.rng.random_bool(0.4);
        let later = Duration::from_millis(self.rng.random_range(0..1_500));
        *self.faults.entry(first.kind()).or_default() += 1;
        if !both {
            return suffer(stack, first).await;
        }
        *self.faults.entry(second.kind()).or_default() += 1;
        let second = async {
            tokio::time::sleep(later).await;
            suffer(stack, second).await;
        };
        tokio::join!(suffer(stack, first), second);
    }

    pub(crate) fn pause(&mut self) -> Duration {
        Duration::from_millis(self.rng.random_range(200..1_500))
    }

    fn choose(&mut self, stack: &Stack) -> Fault {
        let rng = &mut self.rng;
        let process = rng.random_range(0..stack.processes.len());
        let link = rng.random_range(0..links(stack).len());
        let service = [Service::Broker, Service::Database, Service::Store][rng.random_range(0..3)];
        let briefly = Duration::from_millis(rng.random_range(300..2_000));
        let long = Duration::from_millis(rng.random_range(500..6_000));
        match rng.random_range(0..13) {
            0..=2 => Fault::Kill(process),
            3 | 4 => Fault::Hang(process, long),
            5 => Fault::Restart(process),
            6 | 7 => Fault::Outage(service, briefly),
            8 => Fault::Freeze(service, long),
            9 => Fault::DiskFull(long),
            10 => Fault::Cut(link),
            11 => Fault::Network(link, Weather::Stalled, long),
            _ if rng.random_bool(0.5) => {
                let delay = Duration::from_millis(rng.random_range(20..400));
                Fault::Network(link, Weather::Slow(delay), long)
            }
            _ => Fault::Network(link, Weather::Refusing, briefly),
        }
    }
}

fn links(stack: &Stack) -> Vec<&Link> {
    let services = &stack.services;
    let to_services = [&services.to_database, &services.to_broker, &services.to_store];
    to_services.into_iter().chain(&stack.to_apis).collect()
}

async fn suffer(stack: &Stack, fault: Fault) {
    let services = &stack.services;
    match fault {
        Fault::Kill(n) => stack.processes[n].signal(Signal::KILL),
        Fault::Restart(n) => stack.processes[n].signal(Signal::TERM),
        Fault::Hang(n, time) => {
            stack.processes[n].signal(Signal::STOP);
            tokio::time::sleep(time).await;
            stack.processes[n].signal(Signal::CONT);
        }
        Fault::Outage(service, time) => {
            services.suffer(service, Deed::Kill).await;
            tokio::time::sleep(time).await;
            services.suffer(service, Deed::Start).await;
        }
        Fault::Freeze(service, time) => {
            services.suffer(service, Deed::Freeze).await;
            tokio::time::sleep(time).await;
            services.suffer(service, Deed::Thaw).await;
        }
        Fault::DiskFull(time) => {
            services.suffer(Service::Store, Deed::FillDisk(true)).await;
            tokio::time::sleep(time).await;
            services.suffer(Service::Store, Deed::FillDisk(false)).await;
        }
        Fault::Cut(n) => links(stack)[n].cut(),
        Fault::Network(n, weather, time) => {
            links(stack)[n].set(weather);
            tokio::time::sleep(time).await;
            links(stack)[n].set(Weather::Fair);
        }
    }
}
