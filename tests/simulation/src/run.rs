//! One run: everything that one seed decides, and the checks at its end.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::actor::{self, Actor};
use crate::checker::{check, check_acceptances};
use crate::client::{self, Client};
use crate::cluster::SimCluster;
use crate::history::{Entry, History, Reply};
use crate::log::ends;
use crate::nemesis;
use crate::parameters::RunParameters;
use crate::planted_bug::PlantedBug;
use crate::process::{Process, Roles};
use crate::recount::Recount;
use crate::replay::replay;
use crate::storage::SimStorage;
use crate::transcoding::transcode;

/// Bounds a run in virtual time.
const RUN_TIMEOUT: Duration = Duration::from_secs(3_600);
/// Without faults a batch commits within this many polls until everything is folded.
const MAX_IDLE_STEPS: u32 = 100;

/// The size of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records in the log.
    pub records: u64,
    /// Replies to clients.
    pub replies: u64,
    /// Duration in virtual milliseconds.
    pub milliseconds: u64,
}

/// A seed with violations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The bug that was planted, if there was one.
    pub planted: Option<PlantedBug>,
    /// Every rule that does not hold.
    pub violations: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} found {} violations:", self.seed, self.violations.len())?;
        for violation in self.violations.iter().take(10) {
            writeln!(f, "  {violation}")?;
        }
        write!(f, "replay it: cargo run -p simulation -- --seed {}", self.seed)?;
        let planted = self.planted.and_then(|planted| clap::ValueEnum::to_possible_value(&planted));
        planted.map_or(Ok(()), |planted| write!(f, " --plant {}", planted.get_name()))
    }
}

/// Runs a seed, with or without a planted bug, and prints a trace if `traced`.
///
/// # Errors
/// [`Failure`] if anything does not hold at the end.
pub fn run(seed: u64, planted: Option<PlantedBug>, traced: bool) -> Result<Summary, Failure> {
    let failure = |violations| Failure { seed, planted, violations };
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| failure(vec![format!("no runtime: {error}")]))?;
    let outcome = runtime.block_on(async {
        let cluster = SimCluster::new(RunParameters::of(seed), planted, traced);
        cluster.trace(|| format!("{:?}", cluster.params));
        let simulation = Simulation::new(cluster);
        timeout(RUN_TIMEOUT, simulation.run()).await
    });
    match outcome {
        Ok((summary, violations)) if violations.is_empty() => Ok(summary),
        Ok((_, violations)) => Err(failure(violations)),
        Err(_) => Err(failure(vec!["the run does not end".to_owned()])),
    }
}

struct Simulation {
    cluster: Arc<SimCluster>,
    storage: Arc<SimStorage>,
    processes: Vec<Arc<Process>>,
    actors: Vec<Arc<Actor>>,
    history: History,
}

impl Simulation {
    fn new(cluster: Arc<SimCluster>) -> Self {
        let storage = SimStorage::new();
        let actor = |number| Actor::new(cluster.params.seed, number, cluster.began);
        let kinds = [
            ("api with projector", Roles { api: true, projector: true }),
            ("api", Roles { api: true, projector: false }),
            ("projector", Roles { api: false, projector: true }),
        ];
        let process = |(number, (name, roles)): (u64, (&'static str, Roles))| {
            let actors = [actor(3 * number), actor(3 * number + 1), actor(3 * number + 2)];
            Process::new(name, &cluster, &storage, roles, actors)
        };
        let processes = (0..).zip(kinds).map(process).collect();
        let actors = (9..25).map(actor).collect();
        Self { cluster, storage, processes, actors, history: History::default() }
    }

    async fn run(self) -> (Summary, Vec<String>) {
        self.processes.iter().for_each(|process| process.start());
        self.run_clients().await;
        let main = Arc::clone(&self.actors[0]);
        let mut violations = main.run(self.settle()).await;
        if self.cluster.params.log_loss.is_some() {
            violations.extend(check_acceptances(&self.cluster, &self.history.entries()));
            return (self.summary(), violations);
        }
        let recount = Recount::of(&self.cluster.partitions());
        violations.extend(check(&self.cluster, &recount, &self.storage, &self.history.entries()));
        violations.extend(main.run(replay(&self.cluster, &recount)).await);
        (self.summary(), violations)
    }

    fn summary(&self) -> Summary {
        Summary {
            records: ends(&self.cluster).iter().sum(),
            replies: self.history.entries().len() as u64,
            milliseconds: self.cluster.began.elapsed().as_millis() as u64,
        }
    }

    fn apis(&self) -> Vec<Arc<Process>> {
        self.processes[..2].to_vec()
    }

    /// Runs all clients to their end, with faults meanwhile.
    async fn run_clients(&self) {
        let [_, nemesis, writer, worker, losses, forgetter, newer, rest @ ..] =
            self.actors.as_slice()
        else {
            return;
        };
        let cluster = || Arc::clone(&self.cluster);
        let others = [
            tokio::spawn(nemesis.run(nemesis::crash_processes(cluster(), self.processes.clone()))),
            tokio::spawn(writer.run(nemesis::append_unreadable_records(cluster()))),
            tokio::spawn(worker.run(transcode(cluster(), self.apis()))),
            tokio::spawn(losses.run(nemesis::lose_log(cluster()))),
            tokio::spawn(forgetter.run(nemesis::forget_commits(cluster()))),
            tokio::spawn(newer.run(nemesis::append_newer_record(cluster()))),
        ];
        let client = |(number, actors): (u64, &[Arc<Actor>])| {
            let client = Client {
                number,
                cluster: cluster(),
                apis: self.apis(),
                history: self.history.clone(),
                second: Arc::clone(&actors[1]),
            };
            tokio::spawn(actors[0].run(client.run()))
        };
        let clients = (1..=self.cluster.params.clients).zip(rest.chunks_exact(2)).map(client);
        let clients: Vec<_> = clients.collect();
        self.join(clients).await;
        self.cluster.heal();
        self.cluster.trace(|| "healed".to_owned());
        self.join(others).await;
    }

    async fn join(&self, tasks: impl IntoIterator<Item = tokio::task::JoinHandle<()>>) {
        for task in tasks {
            if let Err(error) = task.await {
                self.cluster.violation(format!("a task has failed: {error}"));
            }
        }
    }

    /// Waits until every record is folded and every token has its verdict.
    async fn settle(&self) -> Vec<String> {
        let (mut idle, mut commits) = (0, 0);
        let loses_log = self.cluster.params.log_loss.is_some();
        while !self.is_settled() {
            let now = *self.cluster.progressed.borrow();
            idle = if now == commits { idle + 1 } else { 0 };
            commits = now;
            if idle > MAX_IDLE_STEPS && loses_log {
                break; // The projectors refuse the log.
            }
            if idle > MAX_IDLE_STEPS {
                return vec!["the projection stands still".to_owned()];
            }
            actor::pause(500).await;
        }
        let mut unresolved = Vec::new();
        for entry in self.history.entries() {
            if let Reply::Pending(token) = &entry.reply
                && !self.resolve(&entry, token).await
                && !loses_log
                && !self.cluster.params.newer_record
            {
                unresolved.push(format!("a token has no verdict: {entry:?}"));
            }
        }
        unresolved
    }

    fn is_settled(&self) -> bool {
        let folded = self.cluster.database().checkpoints.clone();
        let ends = ends(&self.cluster);
        self.cluster.in_flight.load(Ordering::Relaxed) == 0
            && (0..).zip(ends).all(|(partition, end)| {
                let end = self.cluster.newer_record(partition).unwrap_or(end);
                folded.get(&partition).copied().unwrap_or(0) >= end
            })
    }

    async fn resolve(&self, entry: &Entry, token: &str) -> bool {
        let Some(api) = actor::pick(&self.apis()) else { return false };
        let Some(reply) = client::ask(&api, token).await else { return false };
        self.history.push(Entry { reply, ..entry.clone() });
        true
    }
}
