//! One run: a seed, from beginning to verdict.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::check::check;
use crate::client::{self, Client};
use crate::history::{Entry, History, Told};
use crate::lane::{self, Lane};
use crate::log::ends;
use crate::nemesis;
use crate::plan::Plan;
use crate::plant::Plant;
use crate::process::{Process, Roles};
use crate::recount::Recount;
use crate::replay::replay;
use crate::storage::SimStorage;
use crate::transcoding::transcode;
use crate::world::World;

/// No run takes longer, in virtual time.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// Without faults something commits within so many looks, until all is folded.
const IDLE_STEPS: u32 = 100;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records in the log.
    pub records: u64,
    /// Answers that clients were given.
    pub answers: u64,
    /// How long it took, in virtual milliseconds.
    pub milliseconds: u64,
}

/// A seed that found something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The bug that was planted, if there was one.
    pub plant: Option<Plant>,
    /// What does not hold.
    pub violations: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} found {} violations:", self.seed, self.violations.len())?;
        for violation in self.violations.iter().take(10) {
            writeln!(f, "  {violation}")?;
        }
        write!(f, "replay it: cargo run -p simulation -- --seed {}", self.seed)?;
        let plant = self.plant.and_then(|plant| clap::ValueEnum::to_possible_value(&plant));
        plant.map_or(Ok(()), |plant| write!(f, " --plant {}", plant.get_name()))
    }
}

/// Runs a seed, with a bug planted or without, and prints what happens if `traced`.
///
/// # Errors
/// [`Failure`] if anything does not hold at the end.
pub fn run(seed: u64, plant: Option<Plant>, traced: bool) -> Result<Summary, Failure> {
    let failure = |violations| Failure { seed, plant, violations };
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| failure(vec![format!("no runtime: {error}")]))?;
    let outcome = runtime.block_on(async {
        let world = World::new(Plan::of(seed), plant, traced);
        world.trace(|| format!("{:?}", world.plan));
        let simulation = Simulation::new(world);
        timeout(PATIENCE, simulation.run()).await
    });
    match outcome {
        Ok((summary, violations)) if violations.is_empty() => Ok(summary),
        Ok((_, violations)) => Err(failure(violations)),
        Err(_) => Err(failure(vec!["it does not come to an end".to_owned()])),
    }
}

struct Simulation {
    world: Arc<World>,
    storage: Arc<SimStorage>,
    processes: Vec<Arc<Process>>,
    lanes: Vec<Arc<Lane>>,
    history: History,
}

impl Simulation {
    fn new(world: Arc<World>) -> Self {
        let storage = SimStorage::new();
        let lane = |number| Lane::new(world.plan.seed, number, world.began);
        let kinds = [
            ("api with projector", Roles { api: true, projector: true }),
            ("api", Roles { api: true, projector: false }),
            ("projector", Roles { api: false, projector: true }),
        ];
        let process = |(number, (name, roles)): (u64, (&'static str, Roles))| {
            let lanes = [lane(3 * number), lane(3 * number + 1), lane(3 * number + 2)];
            Process::new(name, &world, &storage, roles, lanes)
        };
        let processes = (0..).zip(kinds).map(process).collect();
        let lanes = (9..22).map(lane).collect();
        Self { world, storage, processes, lanes, history: History::default() }
    }

    async fn run(self) -> (Summary, Vec<String>) {
        self.processes.iter().for_each(|process| process.start());
        self.live().await;
        let main = Arc::clone(&self.lanes[0]);
        let mut violations = main.run(self.settle()).await;
        let recount = Recount::of(&self.world.partitions());
        violations.extend(check(&self.world, &recount, &self.storage, &self.history.entries()));
        violations.extend(main.run(replay(&self.world, &recount)).await);
        let summary = Summary {
            records: ends(&self.world).iter().sum(),
            answers: self.history.entries().len() as u64,
            milliseconds: self.world.began.elapsed().as_millis() as u64,
        };
        (summary, violations)
    }

    fn apis(&self) -> Vec<Arc<Process>> {
        self.processes[..2].to_vec()
    }

    /// The contest, from the first act to the last, and whatever goes wrong meanwhile.
    async fn live(&self) {
        let [_, nemesis, scribbler, worker, rest @ ..] = self.lanes.as_slice() else { return };
        let world = || Arc::clone(&self.world);
        let others = [
            tokio::spawn(nemesis.run(nemesis::haunt(world(), self.processes.clone()))),
            tokio::spawn(scribbler.run(nemesis::scribble(world()))),
            tokio::spawn(worker.run(transcode(world(), self.apis()))),
        ];
        let client = |(number, lanes): (u64, &[Arc<Lane>])| {
            let client = Client {
                number,
                world: world(),
                apis: self.apis(),
                history: self.history.clone(),
                second: Arc::clone(&lanes[1]),
            };
            tokio::spawn(lanes[0].run(client.run()))
        };
        let clients = (1..=self.world.plan.clients).zip(rest.chunks_exact(2)).map(client);
        let clients: Vec<_> = clients.collect();
        self.join(clients).await;
        self.world.heal();
        self.world.trace(|| "healed".to_owned());
        self.join(others).await;
    }

    async fn join(&self, tasks: impl IntoIterator<Item = tokio::task::JoinHandle<()>>) {
        for task in tasks {
            if let Err(error) = task.await {
                self.world.violation(format!("a task has failed: {error}"));
            }
        }
    }

    /// Waits until everything that was sent is folded, and every token has its verdict.
    async fn settle(&self) -> Vec<String> {
        let (mut idle, mut commits) = (0, 0);
        while !self.is_settled() {
            let now = *self.world.progressed.borrow();
            idle = if now == commits { idle + 1 } else { 0 };
            commits = now;
            if idle > IDLE_STEPS {
                return vec!["the projection stands still".to_owned()];
            }
            lane::pause(500).await;
        }
        let mut unresolved = Vec::new();
        for entry in self.history.entries() {
            if let Told::Pending(token) = &entry.told
                && !self.resolve(&entry, token).await
            {
                unresolved.push(format!("a token has no verdict: {entry:?}"));
            }
        }
        unresolved
    }

    fn is_settled(&self) -> bool {
        let folded = self.world.tables().checkpoints.clone();
        let ends = ends(&self.world);
        self.world.in_flight.load(Ordering::Relaxed) == 0
            && (0..).zip(&ends).all(|(p, end)| folded.get(&p).copied().unwrap_or(0) >= *end)
    }

    async fn resolve(&self, entry: &Entry, token: &str) -> bool {
        let Some(api) = lane::pick(&self.apis()) else { return false };
        let Some(told) = client::ask(&api, token).await else { return false };
        self.history.push(Entry { told, ..entry.clone() });
        true
    }
}
