//! What goes wrong, in which order and for how long: decided by a seed.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;

use super::proxy::{Link, Weather};
use super::services::{Deed, Service};
use super::stack::{PROCESSES, ROLES, Stack};

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
        match self {
            Self::Kill(_) => "process killed".to_owned(),
            Self::Hang(..) => "process hung".to_owned(),
            Self::Restart(_) => "process restarted".to_owned(),
            Self::Outage(which, _) => format!("{} killed", which.name()),
            Self::Freeze(which, _) => format!("{} hung", which.name()),
            Self::DiskFull(_) => "store's disk full".to_owned(),
            Self::Cut(_) => "connections cut".to_owned(),
            Self::Network(_, how, _) => format!("connections {}", how.name()),
        }
    }

    /// What it strikes, in words, and for how long.
    fn details(self, stack: &Stack) -> String {
        let process = |n: usize| stack.processes[n].name.clone();
        let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
        match self {
            Self::Kill(n) | Self::Restart(n) => process(n),
            Self::Hang(n, time) => format!("{}, {}", process(n), seconds(time)),
            Self::Outage(_, time) | Self::Freeze(_, time) | Self::DiskFull(time) => seconds(time),
            Self::Cut(n) => LINKS[n].to_owned(),
            Self::Network(n, _, time) => format!("{}, {}", LINKS[n], seconds(time)),
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
    began: Instant,
    /// How many faults of each kind there were.
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

    /// Every fault once, in an order of this round's own; some come two at a time.
    pub(crate) fn round(&mut self) -> Vec<Strike> {
        let mut deck = self.deck();
        deck.shuffle(&mut self.rng);
        let mut strikes = Vec::new();
        while let Some(first) = deck.pop() {
            let together = self.rng.random_bool(0.4);
            let second = deck.pop_if(|next| together && next.target() != first.target());
            let later = self.milliseconds(0..1_500);
            let pause = self.milliseconds(200..1_200);
            strikes.push(Strike { first, second: second.map(|fault| (later, fault)), pause });
        }
        strikes
    }

    /// Strikes, and returns when all is well again.
    pub(crate) async fn strike(&mut self, stack: &Stack, strike: &Strike) {
        let Strike { first, second, .. } = *strike;
        let began = self.began;
        for fault in [Some(first), second.map(|(_, fault)| fault)].into_iter().flatten() {
            *self.faults.entry(fault.kind()).or_default() += 1;
        }
        let second = async {
            let Some((later, fault)) = second else { return };
            tokio::time::sleep(later).await;
            suffer(stack, fault, began).await;
        };
        tokio::join!(suffer(stack, first, began), second);
    }

    fn deck(&mut self) -> Vec<Fault> {
        let mut deck = Vec::new();
        for role in 0..ROLES.len() {
            let [first, second, third] =
                [(); 3].map(|()| PROCESSES * role + self.rng.random_range(0..PROCESSES));
            let time = self.long();
            deck.extend([Fault::Kill(first), Fault::Hang(second, time), Fault::Restart(third)]);
        }
        for service in [Service::Broker, Service::Database, Service::Store] {
            deck.push(Fault::Outage(service, self.briefly()));
            deck.push(Fault::Freeze(service, self.long()));
        }
        deck.push(Fault::DiskFull(self.long()));
        for link in 0..LINKS.len() {
            let slow = Weather::Slow(self.milliseconds(20..400));
            deck.extend([
                Fault::Cut(link),
                Fault::Network(link, Weather::Stalled, self.long()),
                Fault::Network(link, slow, self.long()),
                Fault::Network(link, Weather::Refusing, self.briefly()),
            ]);
        }
        deck
    }

    fn briefly(&mut self) -> Duration {
        self.milliseconds(300..2_000)
    }

    /// Longer than it takes another process to take over, now and then.
    fn long(&mut self) -> Duration {
        self.milliseconds(500..6_000)
    }

    fn milliseconds(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.rng.random_range(range))
    }
}

/// One fault, or two at the same time.
pub(crate) struct Strike {
    first: Fault,
    second: Option<(Duration, Fault)>,
    /// Calm, afterwards.
    pub(crate) pause: Duration,
}

/// Where links lead; the APIs have one each.
const LINKS: [&str; 5] =
    ["to the database", "to the broker", "to the store", "to api-1", "to api-2"];

fn link(stack: &Stack, n: usize) -> &Link {
    let services = &stack.services;
    match n {
        0 => &services.to_database,
        1 => &services.to_broker,
        2 => &services.to_store,
        n => &stack.to_apis[n - 3],
    }
}

async fn suffer(stack: &Stack, fault: Fault, began: Instant) {
    let at = began.elapsed().as_secs_f64();
    println!("{at:>7.1} s  {}: {}", fault.kind(), fault.details(stack));
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
        Fault::Cut(n) => link(stack, n).cut(),
        Fault::Network(n, weather, time) => {
            link(stack, n).set(weather);
            tokio::time::sleep(time).await;
            link(stack, n).set(Weather::Fair);
        }
    }
}
