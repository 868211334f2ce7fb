//! A process: production code on simulated adapters, until it crashes.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use commands::{CommandDependencies, CommandSettings, Commands};
use infra::database::Pool;
use ports::verdicts::{EventSubmitter, VerdictDesk, VerdictLookup};
use projections::{ProjectionError, Projector};
use sqlx::postgres::PgConnectOptions;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

use crate::actor::{self, Actor};
use crate::cluster::SimCluster;
use crate::log::SimLog;
use crate::lookup::SimLookup;
use crate::progress_listener;
use crate::storage::SimStorage;
use crate::store::SimStore;

/// Longer than most steps, and shorter than some.
pub(crate) const VERDICT_DEADLINE: Duration = Duration::from_secs(4);
/// All processes share it.
const EMAIL_SECRET: [u8; 32] = [7; 32];
const VERDICT_DESK_CAPACITY: usize = 64;
/// The same as in production.
const VERDICT_BATCH_DELAY: Duration = Duration::from_millis(5);

/// The roles of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Roles {
    pub(crate) api: bool,
    pub(crate) projector: bool,
}

/// A process that runs until it crashes, and can be started again.
pub(crate) struct Process {
    pub(crate) name: &'static str,
    cluster: Arc<SimCluster>,
    storage: Arc<SimStorage>,
    roles: Roles,
    actors: [Arc<Actor>; 3],
    running: Mutex<Option<Running>>,
}

struct Running {
    /// `None` without the API role.
    service: Option<Service>,
    storage: Arc<SimStorage>,
    tasks: JoinSet<()>,
}

/// The production services behind the requests of clients.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) commands: Commands,
    pub(crate) submitter: EventSubmitter,
}

impl Process {
    pub(crate) fn new(
        name: &'static str,
        cluster: &Arc<SimCluster>,
        storage: &Arc<SimStorage>,
        roles: Roles,
        actors: [Arc<Actor>; 3],
    ) -> Arc<Self> {
        let (cluster, storage) = (Arc::clone(cluster), Arc::clone(storage));
        Arc::new(Self { name, cluster, storage, roles, actors, running: Mutex::new(None) })
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn start(&self) {
        let (desk, lookup) =
            (VerdictDesk::new(VERDICT_DESK_CAPACITY), SimLookup::new(&self.cluster));
        let (log, storage) = (SimLog::new(&self.cluster), self.storage.connect());
        let submitter = EventSubmitter::new(log.clone(), Arc::clone(&desk), Arc::default());
        let service = self.roles.api.then(|| {
            let parts = CommandDependencies {
                log: log.clone(),
                submitter: submitter.clone(),
                read_models: lookup.clone(),
                verdicts: lookup.clone(),
                storage: storage.clone(),
                pool: no_database(),
            };
            Service { commands: commands(parts), submitter }
        });
        let mut tasks = JoinSet::new();
        let [verdict_actor, listener_actor, projector_actor] = &self.actors;
        if self.roles.api {
            let (serves, asked): (_, Arc<dyn VerdictLookup>) = (desk.clone(), lookup.clone());
            tasks.spawn(
                verdict_actor
                    .run(async move { serves.run_lookups(asked, VERDICT_BATCH_DELAY).await }),
            );
            tasks.spawn(listener_actor.run(progress_listener::listen(
                self.cluster.clone(),
                lookup,
                desk.clone(),
            )));
        }
        if self.roles.projector {
            let cluster = Arc::clone(&self.cluster);
            let project = async move {
                let store = SimStore::new(&cluster);
                let projector = Projector::new(log, store, Some(desk), watch::Sender::new(0))
                    .with_max_batch(cluster.params.max_batch);
                let Err(error) = projector.run(CancellationToken::new()).await else { return };
                let is_refusal = matches!(error, ProjectionError::OtherLog(_));
                if cluster.loss().is_some() && is_refusal {
                    cluster.trace(|| format!("a projector refuses: {error}"));
                } else {
                    cluster.violation(format!("a projector has stopped: {error}"));
                }
            };
            tasks.spawn(projector_actor.run(project));
        }
        self.cluster.trace(|| format!("{}: started", self.name));
        *self.running() = Some(Running { service, storage, tasks });
    }

    pub(crate) fn projects(&self) -> bool {
        self.roles.projector
    }

    pub(crate) fn crash(&self) {
        if let Some(running) = self.running().take() {
            running.storage.disconnect();
            self.cluster.trace(|| format!("{}: crashed", self.name));
        }
    }

    /// Handles a request in this process. `None` if the process is down or crashes meanwhile, or if
    /// the client hangs up. Like the HTTP server, a hang-up drops the request at its current await.
    pub(crate) async fn request<T, F>(&self, work: impl FnOnce(Service) -> F) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let actor = actor::current()?;
        let (done, answer) = oneshot::channel();
        let task = {
            let mut running = self.running();
            let running = running.as_mut()?;
            let work = work(running.service.clone()?);
            let task = async move {
                // The client may have hung up.
                let _ = done.send(work.await);
            };
            let task = running.tasks.spawn(actor.run(task));
            while running.tasks.try_join_next().is_some() {}
            task
        };
        if !self.cluster.fault(1.0) {
            return answer.await.ok();
        }
        let hangs_up = actor::time_slot(3_000);
        let answer = timeout_at(hangs_up, answer).await;
        task.abort();
        answer.ok()?.ok()
    }
}

fn commands(dependencies: CommandDependencies) -> Commands {
    let settings = CommandSettings {
        verdict_deadline: VERDICT_DEADLINE,
        upload_expiry: Duration::from_secs(60),
        secret_key: b"simulation".to_vec(),
        hash_parallelism: 1,
    };
    Commands::new(dependencies, settings, EMAIL_SECRET.into())
        .unwrap_or_else(|error| panic!("the commands cannot be built: {error}"))
}

/// A pool that never connects: no simulated command uses the database.
fn no_database() -> Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| Pool::of_server(PgConnectOptions::new_without_pgpass())).clone()
}
