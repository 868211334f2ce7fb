//! Components that several roles of one process share.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use api::{Api, ApiDependencies};
use commands::{CommandDependencies, CommandSettings, Commands, EmailSecret, Sweeper};
use metrics_exporter_prometheus::PrometheusHandle;
use ports::append_gate::AppendGate;
use ports::verdicts::{EventSubmitter, VerdictDesk};
use projections::log_watch::LogWatch;
use projections::projector::Projector;
use projections::queries::Queries;
use projections::rankings::{BoardsFollower, Rankings};
use projections::read_models::PostgresReadModels;
use projections::store::postgres::PostgresStore;
use projections::{ErasureEpoch, notifications};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::health::Readiness;
use super::storage::Storage;
use crate::backing_services::BackingServices;
use crate::settings::Settings;

/// Commands that may wait for their verdict at the same time. Further ones are rejected with 503.
const MAX_PENDING_VERDICTS: usize = 20_000;

/// Bounds a statement of the sweep, which reads whole tables.
const SWEEP_STATEMENT_TIMEOUT: Duration = Duration::from_secs(120);

/// The verdict desk, the lookups and the projection's progress, shared by the roles of one process.
pub(crate) struct SharedComponents {
    desk: Arc<VerdictDesk>,
    pub(crate) lookup: Arc<PostgresReadModels>,
    pub(crate) submitter: EventSubmitter,
    /// Whether this process may append.
    gate: Arc<AppendGate>,
    ranking_revision: watch::Sender<u64>,
    erasures: ErasureEpoch,
}

impl SharedComponents {
    pub(crate) fn new(services: &BackingServices) -> Self {
        let desk = VerdictDesk::new(MAX_PENDING_VERDICTS);
        let gate = Arc::new(AppendGate::default());
        let log = Arc::clone(&services.log);
        Self {
            lookup: Arc::new(PostgresReadModels::new(services.pool().clone())),
            submitter: EventSubmitter::new(log, Arc::clone(&desk), Arc::clone(&gate)),
            gate,
            ranking_revision: watch::Sender::new(0),
            erasures: ErasureEpoch::default(),
            desk,
        }
    }

    /// Compares the log with the read models, so that a process on another log appends nothing.
    pub(crate) async fn watch_log(&self, services: &BackingServices) -> LogWatch {
        let (pool, log) = (services.pool().clone(), Arc::clone(&services.log));
        let mut watch = LogWatch::new(pool, log, Arc::clone(&self.gate));
        watch.check().await;
        watch
    }

    pub(super) fn gate(&self) -> Arc<AppendGate> {
        Arc::clone(&self.gate)
    }

    /// Spawns the verdict desk and the follower of the projection's progress.
    pub(crate) fn spawn_into(
        &self,
        background: &mut JoinSet<&'static str>,
        services: &BackingServices,
        query_delay: Duration,
    ) {
        let (desk, lookup) = (Arc::clone(&self.desk), Arc::clone(&self.lookup));
        background.spawn(async move {
            desk.run_lookups(lookup, query_delay).await;
            "the verdict desk"
        });
        let (desk, lookup) = (Arc::clone(&self.desk), Arc::clone(&self.lookup));
        let (pool, revision) = (services.pool().clone(), self.ranking_revision.clone());
        let erasures = self.erasures.clone();
        background.spawn(async move {
            notifications::follow(pool, lookup, desk, revision, erasures).await;
            "the follower of the projection"
        });
    }

    pub(super) fn projector(&self, services: &BackingServices) -> Projector<PostgresStore> {
        Projector::new(
            Arc::clone(&services.log),
            PostgresStore::new(services.pool().session_options()),
            Some(Arc::clone(&self.desk)),
            self.ranking_revision.clone(),
        )
    }

    /// Creates the boards and spawns the task that follows the ranking table.
    pub(super) fn rankings(
        &self,
        services: &BackingServices,
        background: &mut JoinSet<&'static str>,
    ) -> Arc<Rankings> {
        let rankings = Arc::new(Rankings::default());
        let follower = BoardsFollower::new(services.pool().clone(), Arc::clone(&rankings));
        let revision = self.ranking_revision.subscribe();
        background.spawn(async move {
            follower.run(revision).await;
            "the follower of the ranking"
        });
        rankings
    }

    pub(super) fn sweeper(&self, services: &BackingServices, storage: &Storage) -> Sweeper {
        let pool = services.pool().clone().with_statement_timeout(SWEEP_STATEMENT_TIMEOUT);
        Sweeper {
            gate: self.gate(),
            log: Arc::clone(&services.log),
            read_models: Arc::new(PostgresReadModels::new(pool.clone())),
            verdicts: Arc::clone(&self.lookup) as _,
            storage: Arc::clone(&storage.objects),
            pool,
            grace: Sweeper::GRACE,
        }
    }

    pub(super) async fn api(
        self,
        settings: &Settings,
        services: &BackingServices,
        storage: Storage,
        metrics: PrometheusHandle,
        health: Readiness,
        rankings: Arc<Rankings>,
    ) -> Result<Api> {
        let stop = health.stop.clone();
        let pool = services.pool().clone();
        let dependencies = CommandDependencies {
            log: Arc::clone(&services.log),
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
        let email_secret = EmailSecret::load(&pool, services.log.as_ref()).await?;
        let dependencies = ApiDependencies {
            commands: Commands::new(dependencies, behaviour, email_secret)?,
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
        Ok(api::build(dependencies)?)
    }
}
