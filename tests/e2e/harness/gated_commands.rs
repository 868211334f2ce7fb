//! Commands that stop right before they append their event.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use commands::{
    Answer, CommandContext, CommandDependencies, CommandError, CommandSettings, Commands,
    EmailSecret, NewVideo, Sweeper, Swept, UploadedVideo,
};
use domain::{AccountId, Position};
use futures_util::{StreamExt, TryStreamExt, stream};
use infra::event_log::{AppendError, EventLog, LogIdentity, LogReader, NewRecord, ReadError};
use infra::object_storage::local::LocalStorage;
use infra::object_storage::{ByteStream, ObjectKey, ObjectStorage};
use ports::verdicts::{EventSubmitter, VerdictDesk};
use projections::read_models::PostgresReadModels;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::client::Person;
use super::clip;
use super::environment::TestEnvironment;
use super::server::{Roles, Server, free_port};

/// A log whose every append stops at a gate until the gate lets it through.
pub(crate) struct GatedLog {
    inner: Arc<dyn EventLog>,
    pub(crate) arrived: Semaphore,
    opened: Semaphore,
}

#[async_trait]
impl EventLog for GatedLog {
    fn partitions(&self) -> u32 {
        self.inner.partitions()
    }

    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Position, AppendError>> {
        self.arrived.add_permits(1);
        self.opened.acquire().await.unwrap().forget();
        self.inner.append(records).await
    }

    async fn read(&self, from: &[Position]) -> Result<Box<dyn LogReader>, ReadError> {
        self.inner.read(from).await
    }

    async fn end_offsets(&self) -> Result<Vec<u64>, ReadError> {
        self.inner.end_offsets().await
    }

    async fn identity(&self) -> Result<LogIdentity, ReadError> {
        self.inner.identity().await
    }

    async fn known_end_offsets(&self) -> Result<Vec<Option<u64>>, ReadError> {
        self.inner.known_end_offsets().await
    }
}

/// Commands on a [`GatedLog`] and their own object store. No projector runs before [`Self::fold`].
pub(crate) struct GatedCommands {
    pub(crate) env: TestEnvironment,
    pub(crate) gate: Arc<GatedLog>,
    store: Arc<LocalStorage>,
    email_secret: EmailSecret,
    pub(crate) commands: Commands,
    pub(crate) ana: Person,
}

pub(crate) type UploadTask = JoinHandle<Result<Answer<UploadedVideo>, CommandError>>;

impl GatedCommands {
    pub(crate) async fn open() -> Self {
        let env = TestEnvironment::embedded().await;
        let server = Server::start(&env, Roles::NoTranscoder).await;
        let ana = server.api.new_person("Ana").await;
        assert!(server.interrupt().await.success());
        let gate = Arc::new(GatedLog {
            inner: Arc::clone(&env.log),
            arrived: Semaphore::new(0),
            opened: Semaphore::new(0),
        });
        let root = env.folder().join("store");
        let store = Arc::new(LocalStorage::open(root, "http://127.0.0.1", b"secret").unwrap());
        let email_secret = EmailSecret::load(&env.pool, env.log.as_ref()).await.unwrap();
        let commands = commands(&env, Arc::clone(&gate) as _, &store, email_secret);
        Self { env, gate, store, email_secret, commands, ana }
    }

    /// Starts an upload that stops at the gate: its original is stored, its event is not appended.
    pub(crate) async fn upload(&self) -> UploadTask {
        let (commands, actor) = (self.commands.clone(), self.ana.id);
        let uploading = tokio::spawn(async move { upload(&commands, actor).await });
        self.gate.arrived.acquire().await.unwrap().forget();
        uploading
    }

    /// The same commands in another process, without a gate.
    pub(crate) fn in_another_process(&self) -> Commands {
        commands(&self.env, Arc::clone(&self.env.log), &self.store, self.email_secret)
    }

    pub(crate) fn open_gate(&self) {
        self.gate.opened.add_permits(1);
    }

    pub(crate) async fn sweep(&self, grace: Duration) -> Swept {
        self.sweep_store(self.storage(), grace).await
    }

    pub(crate) async fn sweep_store(
        &self,
        storage: Arc<dyn ObjectStorage>,
        grace: Duration,
    ) -> Swept {
        let lookup = Arc::new(PostgresReadModels::new(self.env.pool.clone()));
        let sweeper = Sweeper {
            gate: Arc::default(),
            log: Arc::clone(&self.env.log),
            read_models: Arc::clone(&lookup) as _,
            verdicts: lookup,
            storage,
            pool: self.env.pool.clone(),
            grace,
        };
        sweeper.sweep().await
    }

    pub(crate) fn storage(&self) -> Arc<dyn ObjectStorage> {
        Arc::clone(&self.store) as _
    }

    pub(crate) async fn objects(&self) -> Vec<String> {
        let listing = self.store.list("").await.unwrap();
        listing.map_ok(|object| object.key.to_string()).try_collect().await.unwrap()
    }

    /// Starts a projector and waits until it has folded the whole log.
    pub(crate) async fn fold(&self) -> Server {
        let projector = Server::launch(&self.env, Roles::Projector, free_port(), &[]);
        self.env.wait_until_caught_up().await;
        projector
    }

    pub(crate) async fn put(&self, key: &str) {
        let key = ObjectKey::parse(key).unwrap();
        self.store.put(&key, "video/mp4", body(b"a result".to_vec())).await.unwrap();
    }
}

fn commands(
    env: &TestEnvironment,
    log: Arc<dyn EventLog>,
    store: &Arc<LocalStorage>,
    email_secret: EmailSecret,
) -> Commands {
    let lookup = Arc::new(PostgresReadModels::new(env.pool.clone()));
    let dependencies = CommandDependencies {
        submitter: EventSubmitter::new(Arc::clone(&log), VerdictDesk::new(8), Arc::default()),
        log,
        read_models: Arc::clone(&lookup) as _,
        verdicts: lookup,
        storage: Arc::clone(store) as _,
        pool: env.pool.clone(),
    };
    let settings = CommandSettings {
        verdict_deadline: Duration::from_millis(1),
        upload_expiry: Duration::from_secs(60),
        secret_key: b"secret".to_vec(),
        hash_parallelism: 1,
    };
    Commands::new(dependencies, settings, email_secret).unwrap()
}

async fn upload(
    commands: &Commands,
    actor: AccountId,
) -> Result<Answer<UploadedVideo>, CommandError> {
    let original = commands.store_original(body(clip::broken()), 1_000_000).await.unwrap();
    let title = "Mi canción".to_owned();
    commands
        .upload(&CommandContext::default(), actor, NewVideo { title, description: None, original })
        .await
}

pub(crate) fn body(bytes: Vec<u8>) -> ByteStream {
    stream::iter([Ok(Bytes::from(bytes))]).boxed()
}
