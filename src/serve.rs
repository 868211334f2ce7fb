//! `anb serve`: starts the roles of a process, runs them, and stops them in order.

pub(crate) mod components;
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
use api::{Api, Disconnect};
use infra::telemetry;
use metrics_exporter_prometheus::PrometheusHandle;
use projections::projector::Projector;
use projections::store::postgres::PostgresStore;
use projections::{ProjectionError, announcements, generations, rebuild};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::backing_services::BackingServices;
use crate::roles::Role;
use crate::settings::{ServeArgs, Settings};
use crate::shutdown;
use components::SharedComponents;
use health::Readiness;
use storage::Storage;

/// How long the verdict desk waits for the projector in the same process before it queries the database.
const VERDICT_QUERY_DELAY: Duration = Duration::from_millis(5);
/// Metrics upkeep drains histograms, which otherwise grow until the next scrape.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

pub(crate) async fn run(args: &ServeArgs) -> Result<()> {
    let settings = args.parse()?;
    let stop = shutdown::on_signals()?;
    let listener = bind(settings.http.addr).await?;
    let address = listener.local_addr()?;
    let services = BackingServices::open_migrated(&settings.database, &settings.event_log).await?;
    let services = if settings.read_only { services.read_only() } else { services };
    let ran = match Server::start(&settings, &services, listener, stop).await {
        Ok(server) => {
            tracing::info!(%address, roles = %settings.roles, "server started");
            server.run().await
        }
        Err(error) => Err(error),
    };
    services.close().await;
    tracing::info!("server stopped");
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

/// The roles of a process, ready to run.
pub(crate) struct Server {
    http: Option<(TcpListener, Api)>,
    projector: Option<Projector<PostgresStore>>,
    transcoder: Option<Worker>,
    /// Tasks that the roles share. None ends by itself; each returns its name.
    background: JoinSet<&'static str>,
    stop: CancellationToken,
    grace: Duration,
}

impl Server {
    /// Assembles the roles. Cancelling `stop` shuts them down.
    pub(crate) async fn start(
        settings: &Settings,
        services: &BackingServices,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> Result<Self> {
        limits::raise_open_files();
        let metrics = telemetry::install_metrics()?;
        let shared = SharedComponents::new(services);
        let mut background = JoinSet::new();
        let projector =
            settings.roles.contains(Role::Projector).then(|| shared.projector(services));
        let query_delay = if projector.is_some() { VERDICT_QUERY_DELAY } else { Duration::ZERO };
        shared.spawn_into(&mut background, services, query_delay);
        let watch = shared.watch_log(services).await;
        background.spawn(async move {
            watch.run().await;
            "the watch of the log"
        });
        spawn_upkeep(&mut background, metrics.clone());
        spawn_generations(&mut background, services, projector.is_some());

        let state = projector.as_ref().map(Projector::state);
        let serves = settings.roles.contains(Role::Api);
        let transcodes = settings.roles.contains(Role::Transcoder);
        let grace = settings.shutdown_grace;
        let mut server = Self { http: None, projector, transcoder: None, background, stop, grace };
        if !serves && !transcodes {
            return Ok(server);
        }
        let public_url = settings.http.public_url(listener.local_addr()?);
        let storage = Storage::open(settings, public_url).await?;
        if transcodes {
            let objects = Arc::clone(&storage.objects);
            let worker = transcoder::worker(settings, services, &shared, objects).await?;
            server.transcoder = Some(worker);
        }
        // Without a transcoder the API sweeps. A lease lets one process of the installation do it.
        let sweeper = shared.sweeper(services, &storage);
        server.background.spawn(async move {
            sweeper.run().await;
            "the sweeper"
        });
        if serves {
            let pool = services.pool().clone();
            server.background.spawn(async move {
                commands::report_upload_metrics(pool).await;
                "the observer of uploads"
            });
            let rankings = shared.rankings(services, &mut server.background);
            let health = Readiness {
                pool: services.pool().clone(),
                log: Arc::clone(&services.log),
                storage: Arc::clone(&storage.objects),
                projector: state,
                gate: shared.gate(),
                stop: server.stop.clone(),
                rankings: Arc::clone(&rankings),
            };
            let api = shared.api(settings, services, storage, metrics, health, rankings).await?;
            server.http = Some((listener, api));
        }
        Ok(server)
    }

    /// Runs the roles until `stop` is cancelled or a background task ends, then shuts down in order:
    ///
    /// 1. The transcoder takes no new jobs. After the grace, the port closes and requests in flight finish.
    /// 2. The transcoder ends.
    /// 3. The projector ends after its batch.
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
            Some(ended) => Err(anyhow!("a background task ended: {ended:?}")),
        }
    }
}

/// Answers requests until `stop` and the drain. Without the `api` role, waits for `stop`.
async fn serve_http(http: Option<(TcpListener, Api)>, stop: CancellationToken, grace: Duration) {
    match http {
        Some((listener, api)) => {
            let answer = move |request, disconnect: &Disconnect| api.answer(request, disconnect);
            http::serve(listener, answer, stop, grace).await;
        }
        None => stop.cancelled().await,
    }
}

/// Spawns the projector. After a permanent failure, a process with the `api` role stays up and is unready,
/// so that an operator can inspect it. Any other process stops.
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
        let mut tick = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            tick.tick().await;
            metrics.run_upkeep();
        }
    });
}

/// Spawns the tasks that watch generations. A projector also rebuilds the read models that an older fold
/// has written.
fn spawn_generations(
    background: &mut JoinSet<&'static str>,
    services: &BackingServices,
    projects: bool,
) {
    let pool = services.pool().clone();
    let observed = pool.clone();
    background.spawn(async move {
        generations::observe(observed).await;
        "the observer of generations"
    });
    if projects {
        let announcing = pool.clone();
        background.spawn(async move {
            announcements::announce(announcing).await;
            "the announcement of the projector"
        });
        let log = Arc::clone(&services.log);
        background.spawn(async move {
            rebuild::rebuild_when_outdated(pool, log).await;
            "the keeper of generations"
        });
    }
}
