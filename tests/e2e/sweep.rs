//! The sweep at the worst moments of what is under way: between what a request writes first and the
//! event that speaks of it, and between that event and its fold.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use commands::{Answer, CommandError, CommandSettings, Commands, Context, NewVideo};
use commands::{Parts, Registration, Sweeper, Swept, UploadedVideo};
use domain::{AccountId, Position};
use futures_util::{StreamExt, TryStreamExt, stream};
use infra::event_log::{AppendError, EventLog, LogReader, NewRecord, ReadError};
use infra::object_storage::local::LocalStorage;
use infra::object_storage::{ByteStream, ObjectKey, ObjectStorage};
use infra::verdicts::{Decisions, VerdictDesk};
use projections::lookup::PostgresLookup;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::harness::server::free_port;
use super::harness::{Person, Roles, Server, World, clip};

/// An append comes to a gate, says so, and goes through once the gate is opened for it.
pub(super) struct GatedLog {
    inner: Arc<dyn EventLog>,
    pub(super) arrived: Semaphore,
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
}

/// Commands that stop at the gate, and a store of their own. No projector runs until there is one.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) gate: Arc<GatedLog>,
    store: Arc<LocalStorage>,
    pub(super) commands: Commands,
    pub(super) ana: Person,
}

type Uploading = JoinHandle<Result<Answer<UploadedVideo>, CommandError>>;

impl Scene {
    pub(super) async fn open() -> Self {
        let world = World::embedded().await;
        let server = Server::start(&world, Roles::NoTranscoder).await;
        let ana = server.api.somebody("Ana").await;
        assert!(server.interrupt().await.success());
        let gate = Arc::new(GatedLog {
            inner: Arc::clone(&world.log),
            arrived: Semaphore::new(0),
            opened: Semaphore::new(0),
        });
        let root = world.folder().join("store");
        let store = Arc::new(LocalStorage::open(root, "http://127.0.0.1", b"secret").unwrap());
        let parts = parts(&world, Arc::clone(&gate) as _, &store);
        let settings = CommandSettings {
            verdict_deadline: Duration::from_millis(1),
            upload_expiry: Duration::from_secs(60),
            secret_key: b"secret".to_vec(),
            hash_parallelism: 1,
        };
        let commands = Commands::new(parts, settings).await.unwrap();
        Self { world, gate, store, commands, ana }
    }

    /// An upload that stands at the gate: its original is stored, and nobody knows of it.
    async fn upload(&self) -> Uploading {
        let (commands, actor) = (self.commands.clone(), self.ana.id);
        let uploading = tokio::spawn(async move { upload(&commands, actor).await });
        self.gate.arrived.acquire().await.unwrap().forget();
        uploading
    }

    /// The same commands in another process, whose log has no gate.
    pub(super) fn elsewhere(&self) -> Commands {
        self.commands.elsewhere(parts(&self.world, Arc::clone(&self.world.log), &self.store))
    }

    pub(super) fn open_gate(&self) {
        self.gate.opened.add_permits(1);
    }

    pub(super) async fn sweep(&self, grace: Duration) -> Swept {
        let sweeper = Sweeper {
            log: Arc::clone(&self.world.log),
            read_models: Arc::new(PostgresLookup::new(self.world.pool.clone())),
            storage: Arc::clone(&self.store) as _,
            pool: self.world.pool.clone(),
            grace,
        };
        sweeper.sweep().await.unwrap()
    }

    pub(super) async fn objects(&self) -> Vec<String> {
        let listing = self.store.list("").await.unwrap();
        listing.map_ok(|object| object.key.to_string()).try_collect().await.unwrap()
    }

    /// A projector folds all that the log has.
    pub(super) async fn fold(&self) -> Server {
        let projector = Server::launch(&self.world, Roles::Projector, free_port(), &[]);
        self.world.caught_up().await;
        projector
    }

    pub(super) async fn put(&self, key: &str) {
        let key = ObjectKey::parse(key).unwrap();
        self.store.put(&key, "video/mp4", body(b"a result".to_vec())).await.unwrap();
    }
}

fn parts(world: &World, log: Arc<dyn EventLog>, store: &Arc<LocalStorage>) -> Parts {
    let lookup = Arc::new(PostgresLookup::new(world.pool.clone()));
    Parts {
        decisions: Decisions::new(Arc::clone(&log), VerdictDesk::new(8)),
        log,
        read_models: Arc::clone(&lookup) as _,
        verdicts: lookup,
        storage: Arc::clone(store) as _,
        pool: world.pool.clone(),
    }
}

async fn upload(
    commands: &Commands,
    actor: AccountId,
) -> Result<Answer<UploadedVideo>, CommandError> {
    let original = commands.store_original(body(clip::broken()), 1_000_000).await.unwrap();
    let title = "Mi canción".to_owned();
    commands
        .upload(&Context::default(), actor, NewVideo { title, description: None, original })
        .await
}

pub(super) fn body(bytes: Vec<u8>) -> ByteStream {
    stream::iter([Ok(Bytes::from(bytes))]).boxed()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_between_its_object_and_its_event() {
    let scene = Scene::open().await;
    let uploading = scene.upload().await;
    assert_eq!(scene.objects().await.len(), 1);
    assert_eq!(scene.sweep(Sweeper::GRACE).await, Swept::default());
    scene.open_gate();
    assert!(matches!(uploading.await.unwrap(), Ok(Answer::Pending(_))));
    let first = scene.objects().await;
    assert_eq!(first.len(), 1);

    // Nothing but the grace saves it: the moment is really the worst.
    let _projector = scene.fold().await;
    let uploading = scene.upload().await;
    assert_eq!(scene.sweep(Duration::ZERO).await, Swept { objects: 1, ..Swept::default() });
    assert_eq!(scene.objects().await, first, "what an event speaks of stays");
    uploading.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_between_its_event_and_its_fold() {
    let scene = Scene::open().await;
    scene.open_gate();
    let uploading = scene.upload().await;
    assert!(matches!(uploading.await.unwrap(), Ok(Answer::Pending(_))));
    // However old it is: the read models know that they do not know everything.
    assert_eq!(scene.sweep(Duration::ZERO).await, Swept::default());
    let _projector = scene.fold().await;
    assert_eq!(scene.sweep(Duration::ZERO).await, Swept::default());
    assert_eq!(scene.objects().await.len(), 1);
}

/// An earlier attempt has left results, which a sweep has found to be old; now another attempt
/// writes them again, and is about to say so.
#[tokio::test(flavor = "multi_thread")]
async fn results_between_their_objects_and_their_event() {
    let scene = Scene::open().await;
    scene.open_gate();
    assert!(matches!(scene.upload().await.await.unwrap(), Ok(Answer::Pending(_))));
    let _projector = scene.fold().await;
    let video: uuid::Uuid = sqlx::query_scalar("select video_id from videos")
        .fetch_one(&scene.world.pool)
        .await
        .unwrap();
    scene.put(&format!("processed/{video}.mp4")).await;
    scene.put(&format!("posters/{video}.jpg")).await;
    scene.put(&format!("processed/{}.mp4", uuid::Uuid::nil())).await;
    scene.put("posters/nobody.jpg").await;
    assert_eq!(scene.sweep(Duration::ZERO).await, Swept { objects: 2, ..Swept::default() });
    assert_eq!(scene.objects().await.len(), 3);

    scene.world.fail(domain::VideoId(video)).await;
    assert_eq!(scene.sweep(Duration::ZERO).await, Swept { objects: 2, ..Swept::default() });
    assert_eq!(scene.objects().await.len(), 1, "its original stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_between_its_personal_data_and_its_event() {
    let scene = Scene::open().await;
    let commands = scene.commands.clone();
    let registering = tokio::spawn(async move {
        let registration = Registration {
            first_name: "Beto".to_owned(),
            last_name: "Ríos".to_owned(),
            email: "beto@example.com".to_owned(),
            password: "correcto caballo".to_owned(),
            city: "Cali".to_owned(),
            country: "Colombia".to_owned(),
        };
        commands.register(&Context::default(), registration).await
    });
    scene.gate.arrived.acquire().await.unwrap().forget();
    assert_eq!(scene.sweep(Duration::ZERO).await, Swept::default());
    scene.open_gate();
    assert!(matches!(registering.await.unwrap(), Ok(Answer::Pending(_))));
    assert_eq!(scene.sweep(Duration::ZERO).await, Swept::default());
    let _projector = scene.fold().await;
    assert_eq!(scene.sweep(Duration::ZERO).await, Swept::default());
    let people: Vec<String> =
        sqlx::query_scalar("select p.first_name from people p join accounts using (account_id)")
            .fetch_all(&scene.world.pool)
            .await
            .unwrap();
    assert!(people.contains(&"Beto".to_owned()), "{people:?}");
}
