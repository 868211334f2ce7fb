//! A worker's environment: real Postgres, a folder as object store, a log that folds at once.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use domain::event::Deleted;
use domain::{AccountId, Event, EventId, VideoEvent, VideoId};
use futures_util::StreamExt;
use infra::event_log::envelope::Envelope;
use infra::object_storage::local::LocalStorage;
use infra::object_storage::{ObjectKey, ObjectStorage};
use ports::verdicts::{EventSubmitter, VerdictDesk};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use transcoder::child::ChildCommand;
use transcoder::worker::{StepError, StepOutcome, TranscoderDependencies, Worker, WorkerSettings};
use uuid::Uuid;

use crate::database::TestDatabase;
pub(crate) use crate::fail_point::FailPoint;
use crate::fail_point::FailPoints;
use crate::flaky_storage::FlakyStorage;
use crate::folding_log::FoldingLog;

/// The script of a child that makes a video from any file.
pub(crate) const GOOD_CHILD: &str = "cat >/dev/null; printf film >video.mp4; printf still >poster.jpg; \
    echo '{\"done\":{\"duration_ms\":2000,\"width\":320,\"height\":180,\"bytes\":4}}'";
/// The same with an adaptive stream of one rendition.
pub(crate) const STREAMING_CHILD: &str = "cat >/dev/null; printf film >video.mp4; \
    printf still >poster.jpg; printf headparttail >180p.mp4; \
    echo '{\"done\":{\"duration_ms\":2000,\"width\":320,\"height\":180,\"bytes\":4,\"variants\":[\
    {\"width\":320,\"height\":180,\"codec\":[100,0,30],\"header_bytes\":4,\
    \"segments\":[{\"ms\":2000,\"bytes\":4},{\"ms\":1000,\"bytes\":4}]}]}}'";
/// The message of a child about a broken file.
pub(crate) const BROKEN_FILE: &str =
    "echo '{\"failed\":{\"reason\":\"undecodable\",\"detail\":\"noise\"}}'";

pub(crate) struct WorkerFixture {
    pub(crate) database: TestDatabase,
    pub(crate) log: Arc<FoldingLog>,
    pub(crate) fail_points: Arc<FailPoints>,
    pub(crate) storage: Arc<FlakyStorage>,
    pub(crate) folder: TempDir,
    pub(crate) settings: WorkerSettings,
    dependencies: TranscoderDependencies,
    stop: CancellationToken,
}

impl WorkerFixture {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::new().await;
        let folder = tempfile::tempdir().unwrap();
        let local = LocalStorage::open(folder.path().join("media"), "http://localhost", b"key");
        let fail_points = Arc::new(FailPoints::default());
        let storage = Arc::new(FlakyStorage {
            local: local.unwrap(),
            unavailable: AtomicBool::new(false),
            fail_points: Arc::clone(&fail_points),
        });
        let desk = VerdictDesk::new(100);
        let log = Arc::new(FoldingLog::new(
            database.pool.clone(),
            Arc::clone(&desk),
            Arc::clone(&fail_points),
        ));
        let dependencies = TranscoderDependencies {
            pool: database.pool.clone(),
            storage: Arc::clone(&storage) as _,
            submitter: EventSubmitter::new(Arc::clone(&log) as _, desk, Arc::default()),
            read_models: Arc::clone(&log) as _,
            child: shell(GOOD_CHILD),
            scratch: folder.path().join("scratch"),
        };
        let settings = WorkerSettings {
            first_retry_delay: Duration::ZERO,
            verdict_timeout: Duration::from_secs(5),
            report_timeout: Duration::from_secs(2),
            poll_interval: Duration::from_millis(50),
            ..WorkerSettings::default()
        };
        Self {
            database,
            log,
            fail_points,
            storage,
            folder,
            settings,
            dependencies,
            stop: CancellationToken::new(),
        }
    }

    /// A video with an original and a waiting job.
    pub(crate) async fn upload(&self) -> VideoId {
        self.upload_of(b"original".to_vec()).await
    }

    pub(crate) async fn upload_of(&self, bytes: Vec<u8>) -> VideoId {
        let video = VideoId(Uuid::new_v4());
        let original = ObjectKey::parse(&format!("originals/{video}.mp4")).unwrap();
        let body = futures_util::stream::iter([Ok(Bytes::from(bytes))]).boxed();
        self.storage.local.put(&original, "video/mp4", body).await.unwrap();
        let uploaded = domain::event::Uploaded {
            video_id: video,
            owner: owner(),
            title: "Concierto".to_owned(),
            description: None,
            original_key: original.to_string(),
            bytes: 8,
            content_type: "video/mp4".to_owned(),
            sha256: "00".repeat(32),
        };
        self.append(EventId(Uuid::new_v4()), video, VideoEvent::Uploaded(uploaded)).await;
        self.database.insert_job(video, owner().0, original.as_str(), 0.0).await;
        video
    }

    pub(crate) async fn delete(&self, video: VideoId) {
        let deleted = VideoEvent::Deleted(Deleted { by: owner() });
        self.append(EventId(Uuid::new_v4()), video, deleted).await;
    }

    async fn append(&self, id: EventId, video: VideoId, event: VideoEvent) {
        let record = Envelope::new(id, Event::Video(video, event)).into_record().unwrap();
        self.log.fold(record).await;
    }

    pub(crate) fn child_is(&mut self, child: ChildCommand) {
        self.dependencies.child = child;
    }

    pub(crate) fn child(&mut self, script: &str) {
        self.child_is(shell(script));
    }

    pub(crate) fn worker(&self) -> Worker {
        Worker::new(self.dependencies.clone(), self.settings.clone()).unwrap()
    }

    pub(crate) async fn step(&self) -> StepOutcome {
        self.try_step().await.unwrap()
    }

    pub(crate) async fn try_step(&self) -> Result<StepOutcome, StepError> {
        self.worker().step(Uuid::new_v4(), &self.stop).await
    }

    /// A step in the background.
    pub(crate) fn start_step(&self) -> JoinHandle<StepOutcome> {
        let (worker, stop) = (self.worker(), self.stop.clone());
        tokio::spawn(async move { worker.step(Uuid::new_v4(), &stop).await.unwrap() })
    }

    /// A gate for a child to wait at.
    pub(crate) fn gate(&self, name: &str) -> Gate {
        Gate { reached: self.folder.path().join(name), open: self.folder.path().join("open") }
    }

    /// No lease and no free job remain.
    pub(crate) async fn assert_no_job_left(&self) {
        let leases = self.database.lease_count().await;
        assert_eq!((leases, self.step().await), (0, StepOutcome::Idle));
    }

    /// The file names of all objects except originals, sorted.
    pub(crate) fn results(&self) -> Vec<String> {
        let objects = self.folder.path().join("media/objects");
        let mut folders = ["processed", "posters", "hls"].map(|name| objects.join(name)).to_vec();
        let mut names = Vec::new();
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            for entry in entries.map(Result::unwrap) {
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false => names.push(entry.file_name().into_string().unwrap()),
                }
            }
        }
        names.sort();
        names
    }

    /// The content of an object.
    pub(crate) fn text(&self, key: &str) -> String {
        std::fs::read_to_string(self.folder.path().join("media/objects").join(key)).unwrap()
    }

    /// No files of ended jobs remain.
    pub(crate) fn assert_no_scraps(&self) {
        assert_eq!(self.scraps(), None);
    }

    /// The remaining files of ended jobs.
    pub(crate) fn scraps(&self) -> Option<String> {
        let scratch = std::fs::read_dir(self.folder.path().join("scratch")).unwrap();
        let names: Vec<_> = scratch.map(|entry| entry.unwrap().file_name()).collect();
        (!names.is_empty()).then(|| format!("{names:?}"))
    }
}

fn owner() -> AccountId {
    AccountId(Uuid::from_u128(7))
}

fn shell(script: &str) -> ChildCommand {
    ChildCommand {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), script.into()],
        time_limit: Duration::from_secs(20),
    }
}

/// A point at which a child's script waits until the test opens the gate.
pub(crate) struct Gate {
    reached: PathBuf,
    open: PathBuf,
}

impl Gate {
    /// The script's commands at the gate.
    pub(crate) fn passing(&self) -> String {
        let (reached, open) = (self.reached.display(), self.open.display());
        format!("touch {reached}; while [ ! -e {open} ]; do sleep 0.02; done")
    }

    pub(crate) async fn reached(&self) {
        while !self.reached.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn open(&self) {
        std::fs::write(&self.open, "").unwrap();
    }
}
