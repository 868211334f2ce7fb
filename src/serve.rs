//! `anb serve`: plays the roles of one process, from the first connection to an orderly end.

mod health;
mod http;
mod idle;
mod limits;
mod storage;
mod transcoder;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::transcoder::worker::Worker;
use anyhow::{Context, Result, anyhow, bail};
use api::{Api, ApiDependencies, Disconnect};
use commands::{CommandSettings, Commands, EmailSecret, Sweeper};
use infra::telemetry;
use metrics_exporter_prometheus::PrometheusHandle;
use ports::verdicts::{EventSubmitter, VerdictDesk};
use projections::projector::Projector;
use projections::queries::Queries;
use projections::rankings::{BoardsFollower, Rankings};
use projections::read_models::PostgresReadModels;
use projections::store::postgres::PostgresStore;
use projections::{ErasureEpoch, ProjectionError, generations, notifications, rebuild};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::roles::Role;
use crate::settings::{ServeArgs, Settings};
use crate::shutdown;
use crate::world::World;
use storage::Storage;

/// Commands that may wait for their verdict at the same time; further ones are refused (503).
const DESK_PLACES: usize = 20_000;
/// How long verdicts are left to the projector in the same process, before the database is asked.
const VERDICT_GRACE: Duration = Duration::from_millis(5);
/// Histograms grow between two scrapes, unless they are drained.
const UPKEEP: Duration = Duration::from_secs(5);

pub(crate) async fn run(args: &ServeArgs) -> Result<()> {
    let settings = args.parse()?;
    let stop = shutdown::on_signals()?;
    let listener = bind(settings.http.addr).await?;
    let address = listener.local_addr()?;
    let world = World::open_migrated(&settings.database, &settings.event_log).await?;
    let ran = match Service::start(&settings, &world, listener, stop).await {
        Ok(service) => {
            tracing::info!(%address, roles = %settings.roles, "serving");
            service.run().await
        }
        Err(error) => Err(error),
    };
    world.close().await;
    tracing::info!("stopped");
    ran
}

/// Opens the port.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            bail!("HTTP_ADDR: {address} is in use by another process")
        }
        Err(error) => Err(error).with_context(|| format!("HTTP_ADDR: cannot listen on {address}")),
    }
}

/// The roles of this process, wired and ready to run.
pub(crate) struct Service {
    http: Option<(TcpListener, Api)>,
    projector: Option<Projector<PostgresStore>>,
    transcoder: Option<Worker>,
    /// What serves the others and never ends by itself.
    background: JoinSet<&'static str>,
    stop: CancellationToken,
    grace: Duration,
}

/// What several roles need.
pub(crate) struct Common {
    desk: Arc<VerdictDesk>,
    pub(crate) lookup: Arc<PostgresReadModels>,
    pub(crate) submitter: EventSubmitter,
    ranking_revision: watch::Sender<u64>,
    erasures: ErasureEpoch,
}

impl Service {
    /// Puts the roles together. They end in order once `stop` is cancelled.
    pub(crate) async fn start(
        settings: &Settings,
        world: &World,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> Result<Self> {
        limits::raise_open_files();
        let metrics = telemetry::install_metrics()?;
        let common = Common::of(world);
        let mut background = JoinSet::new();
        let projector = settings.roles.contains(Role::Projector).then(|| common.projector(world));
        let verdict_grace = if projector.is_some() { VERDICT_GRACE } else { Duration::ZERO };
        common.spawn_into(&mut background, world, verdict_grace);
        spawn_upkeep(&mut background, metrics.clone());
        spawn_generations(&mut background, world, projector.is_some());

        let state = projector.as_ref().map(Projector::state);
        let serves = settings.roles.contains(Role::Api);
        let transcodes = settings.roles.contains(Role::Transcoder);
        let grace = settings.shutdown_grace;
        let mut service = Self { http: None, projector, transcoder: None, background, stop, grace };
        if !serves && !transcodes {
            return Ok(service);
        }
        let public_url = settings.http.public_url(listener.local_addr()?);
        let storage = Storage::open(settings, public_url).await?;
        if transcodes {
            let objects = Arc::clone(&storage.objects);
            let worker = transcoder::worker(settings, world, &common, objects).await?;
            service.transcoder = Some(worker);
            let sweeper = common.sweeper(world, &storage);
            service.background.spawn(async move {
                sweeper.run(CancellationToken::new()).await;
                "the sweeper"
            });
        }
        if serves {
            let pool = world.pool().clone();
            service.background.spawn(async move {
                commands::report_upload_metrics(pool).await;
                "the observer of uploads"
            });
            let rankings = common.rankings(world, &mut service.background);
            let health = health::Parts {
                pool: world.pool().clone(),
                log: Arc::clone(&world.log),
                storage: Arc::clone(&storage.objects),
                projector: state,
                stop: service.stop.clone(),
                rankings: Arc::clone(&rankings),
            };
            let api = common.api(settings, world, storage, metrics, health, rankings).await?;
            service.http = Some((listener, api));
        }
        Ok(service)
    }

    /// Runs until it is told to stop, then ends in order: no new jobs, and after the grace no new
    /// requests; those under way finish; the projector ends after its batch.
    pub(crate) async fn run(self) -> Result<()> {
        let Self { http, projector, transcoder, mut background, stop, grace } = self;
        let serves = http.is_some();
        let projecting = projector.map(|projector| {
            let last = CancellationToken::new();
            (last.clone(), spawn_projector(projector, last, serves, stop.clone()))
        });
        let transcoding = transcoder.map(|worker| tokio::spawn(worker.run(stop.clone())));
        let failed = tokio::select! {
            () = serve_http(http, stop.clone(), grace) => None,
            ended = background.join_next() => Some(ended),
        };
        stop.cancel();
        if let Some(transcoding) = transcoding {
            transcoding.await.context("the transcoder failed")?;
        }
        if let Some((last, projecting)) = projecting {
            last.cancel();
            projecting.await.context("the projector failed")??;
        }
        match failed {
            None => Ok(()),
            Some(ended) => Err(anyhow!("a part of the server has ended: {ended:?}")),
        }
    }
}

/// Answers requests until `stop`; without the role, just waits for it.
async fn serve_http(http: Option<(TcpListener, Api)>, stop: CancellationToken, grace: Duration) {
    match http {
        Some((listener, api)) => {
            let answer = move |request, disconnect: &Disconnect| api.answer(request, disconnect);
            http::serve(listener, answer, stop, grace).await;
        }
        None => stop.cancelled().await,
    }
}

/// A projection that stops for good makes an API unready, so that a person can look at it; a process
/// without that role has nothing left to do.
fn spawn_projector(
    projector: Projector<PostgresStore>,
    last: CancellationToken,
    serves: bool,
    stop: CancellationToken,
) -> JoinHandle<Result<(), ProjectionError>> {
    tokio::spawn(async move {
        let ended = projector.run(last).await;
        if ended.is_err() && !serves {
            stop.cancel();
        }
        ended
    })
}

fn spawn_upkeep(background: &mut JoinSet<&'static str>, metrics: PrometheusHandle) {
    background.spawn(async move {
        let mut tick = tokio::time::interval(UPKEEP);
        loop {
            tick.tick().await;
            metrics.run_upkeep();
        }
    });
}

/// Who folds also sees to it that its fold is the one that has made the read models.
fn spawn_generations(background: &mut JoinSet<&'static str>, world: &World, projects: bool) {
    let pool = world.pool().clone();
    background.spawn(async move {
        generations::observe(pool).await;
        "the observer of generations"
    });
    if projects {
        let (pool, log) = (world.pool().clone(), Arc::clone(&world.log));
        background.spawn(async move {
            rebuild::rebuild_when_outdated(pool, log).await;
            "the keeper of generations"
        });
    }
}

impl Common {
    pub(crate) fn of(world: &World) -> Self {
        let desk = VerdictDesk::new(DESK_PLACES);
        Self {
            lookup: Arc::new(PostgresReadModels::new(world.pool().clone())),
            submitter: EventSubmitter::new(Arc::clone(&world.log), Arc::clone(&desk)),
            ranking_revision: watch::Sender::new(0),
            erasures: ErasureEpoch::default(),
            desk,
        }
    }

    /// Verdicts and progress, for whatever role wants them.
    pub(crate) fn spawn_into(
        &self,
        background: &mut JoinSet<&'static str>,
        world: &World,
        verdict_grace: Duration,
    ) {
        let (desk, lookup) = (Arc::clone(&self.desk), Arc::clone(&self.lookup));
        background.spawn(async move {
            desk.run_lookups(lookup, verdict_grace).await;
            "the verdict desk"
        });
        let (desk, lookup) = (Arc::clone(&self.desk), Arc::clone(&self.lookup));
        let (pool, revision) = (world.pool().clone(), self.ranking_revision.clone());
        let erasures = self.erasures.clone();
        background.spawn(async move {
            notifications::follow(pool, lookup, desk, revision, erasures).await;
            "the follower of the projection"
        });
    }

    fn projector(&self, world: &World) -> Projector<PostgresStore> {
        Projector::new(
            Arc::clone(&world.log),
            PostgresStore::new(world.pool().connect_options()),
            Some(Arc::clone(&self.desk)),
            self.ranking_revision.clone(),
        )
    }

    /// The boards, and what keeps them in step.
    fn rankings(&self, world: &World, background: &mut JoinSet<&'static str>) -> Arc<Rankings> {
        let rankings = Arc::new(Rankings::default());
        let follower = BoardsFollower::new(world.pool().clone(), Arc::clone(&rankings));
        let revision = self.ranking_revision.subscribe();
        background.spawn(async move {
            follower.run(revision).await;
            "the follower of the ranking"
        });
        rankings
    }

    fn sweeper(&self, world: &World, storage: &Storage) -> Sweeper {
        Sweeper {
            log: Arc::clone(&world.log),
            read_models: Arc::clone(&self.lookup) as _,
            storage: Arc::clone(&storage.objects),
            pool: world.pool().clone(),
            grace: Sweeper::GRACE,
        }
    }

    async fn api(
        self,
        settings: &Settings,
        world: &World,
        storage: Storage,
        metrics: PrometheusHandle,
        health: health::Parts,
        rankings: Arc<Rankings>,
    ) -> Result<Api> {
        let stop = health.stop.clone();
        let pool = world.pool().clone();
        let parts = commands::CommandDependencies {
            log: Arc::clone(&world.log),
            submitter: self.submitter,
            read_models: Arc::clone(&self.lookup) as _,
            verdicts: self.lookup,
            storage: Arc::clone(&storage.objects),
            pool: pool.clone(),
        };
        let behaviour = CommandSettings {
            verdict_deadline: settings.verdict_deadline,
            upload_expiry: settings.upload_expiry,
            secret_key: settings.secret_key.expose().to_vec(),
            hash_parallelism: std::thread::available_parallelism().map_or(1, Into::into),
        };
        let app = ApiDependencies {
            commands: Commands::new(parts, behaviour, EmailSecret::load(&pool).await?)?,
            queries: Queries::new(pool, rankings, self.erasures.clone()),
            storage: storage.objects,
            media: storage.media,
            health: Arc::new(health),
            metrics: Some(metrics),
            erasures: self.erasures,
            stop,
            settings: api::ApiSettings {
                secret_key: settings.secret_key.expose().to_vec(),
                token_lifetime: settings.access_token_ttl,
                max_video_size: settings.max_video_size,
                public_url: storage.public_url,
                cors_origins: settings.http.cors_origins.clone(),
                docs: true,
            },
        };
        Ok(api::build(app)?)
    }
}
