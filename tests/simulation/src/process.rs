//! A process: production code on simulated adapters, until it crashes.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use commands::{CommandSettings, Commands, Parts};
use infra::verdicts::{Decisions, VerdictDesk, VerdictLookup};
use projections::Projector;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

use crate::follow;
use crate::lane::{self, Lane};
use crate::log::SimLog;
use crate::lookup::SimLookup;
use crate::storage::SimStorage;
use crate::store::SimStore;
use crate::world::World;

/// Longer than most steps take, and shorter than some.
pub(crate) const DEADLINE: Duration = Duration::from_secs(4);
const DESK_PLACES: usize = 64;
/// As in production.
const GRACE: Duration = Duration::from_millis(5);

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Roles {
    pub(crate) api: bool,
    pub(crate) projector: bool,
}

/// A place where a process runs, most of the time.
pub(crate) struct Process {
    pub(crate) name: &'static str,
    world: Arc<World>,
    storage: Arc<SimStorage>,
    roles: Roles,
    lanes: [Arc<Lane>; 3],
    running: Mutex<Option<Running>>,
}

struct Running {
    /// None in a process without the role.
    service: Option<Service>,
    storage: Arc<SimStorage>,
    tasks: JoinSet<()>,
}

/// What requests use.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) commands: Commands,
    pub(crate) decisions: Decisions,
}

impl Process {
    pub(crate) fn new(
        name: &'static str,
        world: &Arc<World>,
        storage: &Arc<SimStorage>,
        roles: Roles,
        lanes: [Arc<Lane>; 3],
    ) -> Arc<Self> {
        let (world, storage) = (Arc::clone(world), Arc::clone(storage));
        Arc::new(Self { name, world, storage, roles, lanes, running: Mutex::new(None) })
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn start(&self) {
        let (desk, lookup) = (VerdictDesk::new(DESK_PLACES), SimLookup::new(&self.world));
        let (log, storage) = (SimLog::new(&self.world), self.storage.elsewhere());
        let decisions = Decisions::new(log.clone(), Arc::clone(&desk));
        let service = self.roles.api.then(|| {
            let parts = Parts {
                log: log.clone(),
                decisions: decisions.clone(),
                read_models: lookup.clone(),
                verdicts: lookup.clone(),
                storage: storage.clone(),
                pool: no_database(),
            };
            Service { commands: template(&parts).elsewhere(parts), decisions }
        });
        let mut tasks = JoinSet::new();
        let [serving, following, projecting] = &self.lanes;
        if self.roles.api {
            let (serves, asked): (_, Arc<dyn VerdictLookup>) = (desk.clone(), lookup.clone());
            tasks.spawn(serving.run(async move { serves.serve(asked, GRACE).await }));
            tasks.spawn(following.run(follow::follow(self.world.clone(), lookup, desk.clone())));
        }
        if self.roles.projector {
            let world = Arc::clone(&self.world);
            let project = async move {
                let store = SimStore::new(&world);
                let projector = Projector::new(log, store, Some(desk), watch::Sender::new(0))
                    .with_max_batch(world.plan.max_batch);
                if let Err(error) = projector.run(CancellationToken::new()).await {
                    world.violation(format!("a projector has stopped: {error}"));
                }
            };
            tasks.spawn(projecting.run(project));
        }
        self.world.trace(|| format!("{}: started", self.name));
        *self.running() = Some(Running { service, storage, tasks });
    }

    pub(crate) fn projects(&self) -> bool {
        self.roles.projector
    }

    pub(crate) fn crash(&self) {
        if let Some(running) = self.running().take() {
            running.storage.cut();
            self.world.trace(|| format!("{}: crashed", self.name));
        }
    }

    /// Works on a request in this process; `None` if the process is not there, or dies meanwhile, or
    /// the client hangs up: then the request is dropped where it stands, as the HTTP server does.
    pub(crate) async fn request<T, F>(&self, work: impl FnOnce(Service) -> F) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let lane = lane::current()?;
        let (done, answer) = oneshot::channel();
        let task = {
            let mut running = self.running();
            let running = running.as_mut()?;
            let work = work(running.service.clone()?);
            let task = async move {
                // Nobody waits any more if the client has gone.
                let _ = done.send(work.await);
            };
            let task = running.tasks.spawn(lane.run(task));
            while running.tasks.try_join_next().is_some() {}
            task
        };
        if !self.world.fault(1.0) {
            return answer.await.ok();
        }
        let hangs_up = lane::moment(3_000);
        let answer = timeout_at(hangs_up, answer).await;
        task.abort();
        answer.ok()?.ok()
    }
}

/// Secrets are the same in all processes, and dear to make.
fn template(parts: &Parts) -> &'static Commands {
    static TEMPLATE: OnceLock<Commands> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let settings = CommandSettings {
            verdict_deadline: DEADLINE,
            upload_expiry: Duration::from_secs(60),
            secret_key: b"simulation".to_vec(),
            hash_parallelism: 1,
        };
        let parts = Parts {
            log: Arc::clone(&parts.log),
            decisions: parts.decisions.clone(),
            read_models: Arc::clone(&parts.read_models),
            verdicts: Arc::clone(&parts.verdicts),
            storage: Arc::clone(&parts.storage),
            pool: parts.pool.clone(),
        };
        Commands::with_email_secret(parts, settings, [7; 32])
            .unwrap_or_else(|error| panic!("the commands cannot be put together: {error}"))
    })
}

/// A pool that has never connected, and never will: no command that runs in here asks it.
fn no_database() -> PgPool {
    static POOL: OnceLock<PgPool> = OnceLock::new();
    let pool = POOL.get_or_init(|| {
        PgPoolOptions::new()
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(PgConnectOptions::new_without_pgpass())
    });
    pool.clone()
}
