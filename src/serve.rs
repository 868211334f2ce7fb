//! `anb serve`: plays the roles of one process, from the first connection to an orderly end.

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
use projections::{ProjectionError, generations, rebuild};
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

/// How long verdicts are left to the projector in the same process, before the database is asked.
const VERDICT_GRACE: Duration = Duration::from_millis(5);
/// Histograms grow between two scrapes, unless they are drained.
const UPKEEP: Duration = Duration::from_secs(5);

pub(crate) async fn run(args: &ServeArgs) -> Result<()> {
    let settings = args.parse()?;
    let stop = shutdown::on_signals()?;
    let listener = bind(settings.http.addr).await?;
    let address = listener.local_addr()?;
    let services = BackingServices::open_migrated(&settings.database, &settings.event_log).await?;
    let ran = match Server::start(&settings, &services, listener, stop).await {
        Ok(server) => {
            tracing::info!(%address, roles = %settings.roles, "serving");
            server.run().await
        }
        Err(error) => Err(error),
    };
    services.close().await;
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
pub(crate) struct Server {
    http: Option<(TcpListener, Api)>,
    projector: Option<Projector<PostgresStore>>,
    transcoder: Option<Worker>,
    /// What serves the others and never ends by itself.
    background: JoinSet<&'static str>,
    stop: CancellationToken,
    grace: Duration,
}

impl Server {
    /// Puts the roles together. They end in order once `stop` is cancelled.
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
        let verdict_grace = if projector.is_some() { VERDICT_GRACE } else { Duration::ZERO };
        shared.spawn_into(&mut background, services, verdict_grace);
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
            let sweeper = shared.sweeper(services, &storage);
            server.background.spawn(async move {
                sweeper.run(CancellationToken::new()).await;
                "the sweeper"
            });
        }
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
                stop: server.stop.clone(),
                rankings: Arc::clone(&rankings),
            };
            let api = shared.api(settings, services, storage, metrics, health, rankings).await?;
            server.http = Some((listener, api));
        }
        Ok(server)
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
fn spawn_generations(
    background: &mut JoinSet<&'static str>,
    services: &BackingServices,
    projects: bool,
) {
    let pool = services.pool().clone();
    background.spawn(async move {
        generations::observe(pool).await;
        "the observer of generations"
    });
    if projects {
        let (pool, log) = (services.pool().clone(), Arc::clone(&services.log));
        background.spawn(async move {
            rebuild::rebuild_when_outdated(pool, log).await;
            "the keeper of generations"
        });
    }
}
