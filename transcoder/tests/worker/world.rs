//! A small world: real Postgres, a folder as object store, a log that folds what is appended at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use domain::event::Deleted;
use domain::{
    AccountId, Changes, Contest, EmailKey, Event, EventId, Outcome as Folded, Position, Recorded,
    Verdict, VideoEvent, VideoId, VideoStatus,
};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use infra::event_log::envelope::Envelope;
use infra::event_log::{AppendError, EventLog, LogReader, NewRecord, ReadError, Record};
use infra::object_storage::local::LocalStorage;
use infra::object_storage::{ByteStream, ObjectInfo, ObjectKey, ObjectStorage, StorageError};
use infra::read_models::{AbandonedVideo, AccountFacts, ReadModels, Stage, VideoFacts};
use infra::verdicts::{Decisions, LookupError, VerdictDesk};
use sqlx::PgPool;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use transcoder::child::ChildCommand;
use transcoder::worker::{Outcome, Parts, StepError, Worker, WorkerSettings};
use uuid::Uuid;

/// What a child does that makes a video of everything.
pub(crate) const GOOD_CHILD: &str = "cat >/dev/null; printf film >video.mp4; printf still >poster.jpg; \
    echo '{\"missing_walls\":[],\"result\":{\"Ok\":{\"duration_ms\":2000,\"width\":320,\"height\":180,\"bytes\":4}}}'";
/// What a child says of a broken file.
pub(crate) const BROKEN_FILE: &str = "echo '{\"missing_walls\":[],\"result\":{\"Err\":\
    {\"reason\":\"undecodable\",\"detail\":\"noise\"}}}'";

pub(crate) struct World {
    pub(crate) pool: PgPool,
    pub(crate) log: Arc<FoldingLog>,
    pub(crate) storage: Arc<FlakyStorage>,
    pub(crate) folder: TempDir,
    pub(crate) settings: WorkerSettings,
    parts: Parts,
    stop: CancellationToken,
}

impl World {
    pub(crate) async fn new() -> Self {
        let pool = test_services::database().await;
        let folder = tempfile::tempdir().unwrap();
        let local = LocalStorage::open(folder.path().join("media"), "http://localhost", b"key");
        let storage =
            Arc::new(FlakyStorage { local: local.unwrap(), away: AtomicBool::new(false) });
        let desk = VerdictDesk::new(100);
        let log = Arc::new(FoldingLog {
            pool: pool.clone(),
            desk: Arc::clone(&desk),
            contest: Mutex::default(),
            records: Mutex::default(),
            away: AtomicUsize::new(0),
            silent: AtomicBool::new(false),
        });
        let parts = Parts {
            pool: pool.clone(),
            storage: Arc::clone(&storage) as _,
            decisions: Decisions::new(Arc::clone(&log) as _, desk),
            read_models: Arc::clone(&log) as _,
            child: shell(GOOD_CHILD),
            scratch: folder.path().join("scratch"),
        };
        let settings = WorkerSettings {
            back_off: Duration::ZERO,
            verdict_deadline: Duration::from_secs(5),
            report_patience: Duration::from_secs(2),
            poll: Duration::from_millis(50),
            ..WorkerSettings::default()
        };
        Self { pool, log, storage, folder, settings, parts, stop: CancellationToken::new() }
    }

    /// A video with an original, waiting for a worker.
    pub(crate) async fn upload(&self) -> VideoId {
        let video = VideoId(Uuid::new_v4());
        let original = ObjectKey::parse(&format!("originals/{video}.mp4")).unwrap();
        let body = futures_util::stream::iter([Ok(Bytes::from_static(b"original"))]).boxed();
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
        sqlx::query("insert into transcode_jobs values ($1, $2, $3, gen_random_uuid(), now())")
            .bind(video.0)
            .bind(owner().0)
            .bind(original.as_str())
            .execute(&self.pool)
            .await
            .unwrap();
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

    pub(crate) fn child(&mut self, script: &str) {
        self.parts.child = shell(script);
    }

    pub(crate) fn worker(&self) -> Worker {
        Worker::new(self.parts.clone(), self.settings.clone()).unwrap()
    }

    pub(crate) async fn step(&self) -> Outcome {
        self.try_step().await.unwrap()
    }

    pub(crate) async fn try_step(&self) -> Result<Outcome, StepError> {
        self.worker().step(Uuid::new_v4(), &self.stop).await
    }

    pub(crate) async fn leases(&self) -> i64 {
        let count = sqlx::query_scalar("select count(*) from transcode_leases");
        count.fetch_one(&self.pool).await.unwrap()
    }

    /// Lets so many seconds pass, as far as leases are concerned.
    pub(crate) async fn pass(&self, seconds: f64) {
        sqlx::query(
            "update transcode_leases set lease_until = lease_until - make_interval(secs => $1),
                 not_before = not_before - make_interval(secs => $1)",
        )
        .bind(seconds)
        .execute(&self.pool)
        .await
        .unwrap();
    }

    /// The names of the objects that exist, originals aside.
    pub(crate) fn results(&self) -> Vec<String> {
        let mut names = Vec::new();
        for folder in ["processed", "posters"] {
            let folder = self.folder.path().join("media/objects").join(folder);
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            names.extend(entries.map(|e| e.unwrap().file_name().into_string().unwrap()));
        }
        names.sort();
        names
    }

    /// Nothing is left of jobs that are over.
    pub(crate) fn assert_no_scraps(&self) {
        let scratch = std::fs::read_dir(self.folder.path().join("scratch")).unwrap();
        assert_eq!(scratch.count(), 0);
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

/// A log of one partition whose reader is the fold, at once.
pub(crate) struct FoldingLog {
    pool: PgPool,
    desk: Arc<VerdictDesk>,
    contest: Mutex<Contest>,
    records: Mutex<Vec<Recorded>>,
    /// So many appends will fail.
    pub(crate) away: AtomicUsize,
    /// The projection does not get to what is appended.
    pub(crate) silent: AtomicBool,
}

impl FoldingLog {
    async fn fold(&self, new: NewRecord) -> Position {
        let position = Position { partition: 0, offset: self.records.lock().unwrap().len() as u64 };
        let record = Record {
            position,
            at: chrono::Utc::now(),
            key: Some(new.key.into_bytes().into()),
            headers: new.headers.into_iter().map(|(k, v)| (k, v.into_bytes().into())).collect(),
            value: Some(new.value),
        };
        let recorded = record.open(1).unwrap();
        self.records.lock().unwrap().push(recorded.clone());
        let mut changes = Changes::default();
        let folded = domain::fold::fold(&mut self.contest.lock().unwrap(), &mut changes, &recorded);
        for video in changes.videos {
            if !matches!(self.status(video), VideoStatus::Pending | VideoStatus::Processing) {
                sqlx::query("delete from transcode_jobs where video_id = $1")
                    .bind(video.0)
                    .execute(&self.pool)
                    .await
                    .unwrap();
            }
        }
        if !self.silent.load(SeqCst) {
            let verdict = match folded {
                Folded::Overtaken => Verdict::ACCEPTED,
                other => other.verdict().unwrap(),
            };
            self.desk.publish([(recorded.event_id, verdict)]);
        }
        position
    }

    pub(crate) fn status(&self, video: VideoId) -> VideoStatus {
        self.contest.lock().unwrap().videos[&video].status.clone()
    }

    /// The kinds of events about a video, without its upload.
    pub(crate) fn history(&self, video: VideoId) -> Vec<String> {
        let records = self.records.lock().unwrap();
        let events = records.iter().filter_map(|record| match &record.event {
            Event::Video(of, event) if *of == video => Some(event.clone()),
            _ => None,
        });
        let name = |event: VideoEvent| match event {
            VideoEvent::ProcessingStarted(started) => format!("started {}", started.attempt),
            VideoEvent::Processed(_) => "processed".to_owned(),
            VideoEvent::ProcessingFailed(failed) => format!(
                "failed {} {}{}",
                failed.attempt,
                failed.reason.code(),
                if failed.is_final { " final" } else { "" }
            ),
            VideoEvent::Deleted(_) | VideoEvent::Withdrawn(_) => "deleted".to_owned(),
            VideoEvent::Uploaded(_) | VideoEvent::VoteCast(_) => String::new(),
        };
        events.map(name).filter(|name| !name.is_empty()).collect()
    }
}

#[async_trait]
impl EventLog for FoldingLog {
    fn partitions(&self) -> u32 {
        1
    }

    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Position, AppendError>> {
        let mut positions = Vec::new();
        for record in records {
            let away = self.away.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
            positions.push(match away {
                true => Err(AppendError::Unavailable("the log is away".to_owned())),
                false => Ok(self.fold(record).await),
            });
        }
        positions
    }

    async fn read(&self, _: &[Position]) -> Result<Box<dyn LogReader>, ReadError> {
        Err(ReadError::Unavailable("nobody reads this log".to_owned()))
    }

    async fn end_offsets(&self) -> Result<Vec<u64>, ReadError> {
        Ok(vec![self.records.lock().unwrap().len() as u64])
    }
}

#[async_trait]
impl ReadModels for FoldingLog {
    async fn account_by_email(&self, _: &EmailKey) -> Result<Option<AccountFacts>, LookupError> {
        Ok(None)
    }

    async fn account(&self, _: AccountId) -> Result<Option<AccountFacts>, LookupError> {
        Ok(None)
    }

    async fn videos_of(&self, _: AccountId) -> Result<Vec<(VideoId, VideoFacts)>, LookupError> {
        Ok(Vec::new())
    }

    async fn abandoned_videos(&self, _: u32) -> Result<Vec<AbandonedVideo>, LookupError> {
        Ok(Vec::new())
    }

    async fn video(&self, video: VideoId) -> Result<Option<VideoFacts>, LookupError> {
        let contest = self.contest.lock().unwrap();
        Ok(contest.videos.get(&video).map(|facts| VideoFacts {
            owner: facts.owner,
            title: facts.title.clone(),
            description: facts.description.clone(),
            content_type: facts.content_type.clone(),
            sha256: facts.sha256.clone(),
            stage: match &facts.status {
                VideoStatus::Pending => Stage::Pending,
                VideoStatus::Processing => Stage::Processing,
                VideoStatus::Processed(_) => Stage::Processed,
                VideoStatus::Failed(_) => Stage::Failed,
                VideoStatus::Deleted { .. } => Stage::Deleted,
            },
            votes: facts.votes,
            uploaded_by: facts.uploaded_by,
            uploaded_at: facts.uploaded_at,
            ended_by: None,
            original_key: facts.original_key.clone(),
            processed_key: None,
            poster_key: None,
        }))
    }

    async fn orphaned_keys(&self, _: &[String], _: &[u64]) -> Result<Vec<String>, LookupError> {
        Ok(Vec::new())
    }
}

/// A folder that can be away.
pub(crate) struct FlakyStorage {
    pub(crate) local: LocalStorage,
    pub(crate) away: AtomicBool,
}

impl FlakyStorage {
    fn there(&self) -> Result<&LocalStorage, StorageError> {
        match self.away.load(SeqCst) {
            true => Err(StorageError::Unavailable("away".to_owned())),
            false => Ok(&self.local),
        }
    }
}

#[async_trait]
impl ObjectStorage for FlakyStorage {
    async fn put(
        &self,
        key: &ObjectKey,
        kind: &str,
        body: ByteStream,
    ) -> Result<u64, StorageError> {
        self.there()?.put(key, kind, body).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<ByteStream, StorageError> {
        self.there()?.get(key).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StorageError> {
        self.there()?.delete(key).await
    }

    async fn url(&self, key: &ObjectKey, valid_for: Duration) -> Result<String, StorageError> {
        self.there()?.url(key, valid_for).await
    }

    async fn list(
        &self,
        prefix: &str,
    ) -> Result<BoxStream<'static, Result<ObjectInfo, StorageError>>, StorageError> {
        self.there()?.list(prefix).await
    }

    async fn sweep_partial(&self, older_than: Duration) -> Result<u64, StorageError> {
        self.there()?.sweep_partial(older_than).await
    }

    async fn check(&self) -> Result<(), StorageError> {
        self.there()?.check().await
    }
}
