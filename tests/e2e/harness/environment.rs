//! A test environment: the database, log, storage and folder that outlive a server.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use domain::{Position, VideoId};
use infra::database::Pool;
use infra::event_log::kafka::{KafkaLog, KafkaSettings};
use infra::event_log::postgres::PostgresLog;
use infra::event_log::{EventLog, Record};
use serde_json::Value;
use tempfile::TempDir;
use test_services::{KafkaTopic, S3Bucket};
use tokio::process::Command;

use super::wait::{TEST_TIMEOUT, eventually};
use super::{anb, clip};

pub(crate) const SECRET_KEY: &str = "a secret key for tests, 32 bytes or more";
const PARTITIONS: u32 = 8;

/// The environment of one test.
pub(crate) struct TestEnvironment {
    folder: TempDir,
    database_url: String,
    pub(crate) pool: Pool,
    pub(crate) log: Arc<dyn EventLog>,
    partitions: u32,
    pub(super) cluster: Option<Cluster>,
}

pub(super) struct Cluster {
    pub(super) kafka: KafkaTopic,
    s3: S3Bucket,
}

impl TestEnvironment {
    /// The log in Postgres, videos in a folder.
    pub(crate) async fn embedded() -> Self {
        Self::embedded_with_database(&test_services::database_url().await).await
    }

    /// [`Self::embedded`] on this database.
    pub(crate) async fn embedded_with_database(database_url: &str) -> Self {
        let pool = connect(database_url).await;
        let log = Arc::new(PostgresLog::open(pool.clone(), PARTITIONS).await.unwrap());
        let database_url = database_url.to_owned();
        Self { folder: folder(), database_url, pool, log, partitions: PARTITIONS, cluster: None }
    }

    /// The log in Kafka, videos in S3.
    pub(crate) async fn cluster() -> Self {
        Self::cluster_with_broker(test_services::kafka()).await
    }

    /// [`Self::cluster`] on this topic.
    pub(crate) async fn cluster_with_broker(kafka: KafkaTopic) -> Self {
        Self::cluster_with_partitions(kafka, PARTITIONS).await
    }

    /// [`Self::cluster`] on this topic, with so many partitions.
    pub(crate) async fn cluster_with_partitions(kafka: KafkaTopic, partitions: u32) -> Self {
        Self::cluster_on(&test_services::database_url().await, kafka, partitions).await
    }

    /// [`Self::cluster`] on this database.
    pub(crate) async fn cluster_with_database(database_url: &str) -> Self {
        Self::cluster_on(database_url, test_services::kafka(), PARTITIONS).await
    }

    async fn cluster_on(database_url: &str, kafka: KafkaTopic, partitions: u32) -> Self {
        let pool = connect(database_url).await;
        let settings = KafkaSettings::plaintext(&kafka.brokers, &kafka.topic, partitions);
        let log = Arc::new(KafkaLog::open(settings).await.unwrap());
        let cluster = Some(Cluster { kafka, s3: test_services::s3().await });
        let database_url = database_url.to_owned();
        Self { folder: folder(), database_url, pool, log, partitions, cluster }
    }

    pub(crate) fn database_url(&self) -> &str {
        &self.database_url
    }

    /// The topic of a cluster.
    pub(crate) fn topic(&self) -> &KafkaTopic {
        &self.cluster.as_ref().unwrap().kafka
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A command of the binary with the settings of this environment.
    pub(crate) fn anb(&self, arguments: &[&str]) -> Command {
        let mut settings = vec![
            ("DATABASE_URL", self.database_url.as_str()),
            ("SECRET_KEY", SECRET_KEY),
            ("SHUTDOWN_GRACE_MS", "0"),
        ];
        if let Some(Cluster { kafka, s3 }) = &self.cluster {
            settings.extend(kafka.settings());
            settings.extend(s3.settings());
        }
        let mut command = anb::command(arguments, self.folder(), &settings);
        command.env("DATA_DIR", self.folder().join("data"));
        command.env("LOG_PARTITIONS", self.partitions.to_string());
        command
    }

    /// A script of the repository with the settings of this environment.
    pub(crate) fn script(&self, name: &str, arguments: &[&Path]) -> Command {
        let anb = self.anb(&[]);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name);
        let mut command = Command::new(path);
        command.args(arguments).current_dir(self.folder()).env_clear();
        let settings = anb.as_std().get_envs();
        command.envs(settings.filter_map(|(name, value)| Some((name, value?))));
        command.env("ANB", anb.as_std().get_program());
        // PostgreSQL's own programs refuse the parameters that sqlx adds.
        let database_url = self.database_url.split('?').next().unwrap();
        command.env("DATABASE_URL", database_url);
        command
    }

    /// Runs the binary and returns everything that it prints; `Err` if it fails.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<String, String> {
        anb::output_of(self.anb(arguments)).await
    }

    /// Stores a poster and a film for each published video, in the local storage.
    pub(crate) async fn store_published_files(&self) {
        let files: Vec<(String, String)> = sqlx::query_as(
            "select poster_key, processed_key from videos where status = 'processed'
             order by video_id",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap();
        let objects = self.folder().join("data/media/objects");
        let put = |key: &str, bytes: &[u8]| {
            let path = objects.join(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        for (number, (poster, film)) in files.iter().enumerate() {
            put(poster, &clip::poster(number));
            put(film, &clip::real());
        }
    }

    /// The checksums of all read models, one per line.
    pub(crate) async fn checksums(&self) -> Vec<String> {
        anb::checksums_of(self.anb(&["checksums"])).await
    }

    /// Rebuilds the read models and returns their checksums.
    pub(crate) async fn rebuild(&self) -> Vec<String> {
        anb::checksums_of(self.anb(&["rebuild"])).await
    }

    /// All records of the log.
    pub(crate) async fn records(&self) -> Vec<Record> {
        let ends = self.log.end_offsets().await.unwrap();
        let start = |partition| Position { partition, offset: 0 };
        let mut reader =
            self.log.read(&(0..self.partitions).map(start).collect::<Vec<_>>()).await.unwrap();
        let mut records = Vec::new();
        while (records.len() as u64) < ends.iter().sum() {
            records.extend(reader.next(1_000).await.unwrap());
        }
        records
    }

    /// The number of the current processing attempt; `None` before the first and after the last one.
    pub(crate) async fn processing_attempt(&self, video: VideoId) -> Option<i32> {
        sqlx::query_scalar("select attempt from transcode_leases where video_id = $1")
            .bind(video.0)
            .fetch_optional(&self.pool)
            .await
            .unwrap()
    }

    /// The number of distinct events in the log that end the processing of this video.
    pub(crate) async fn count_ends_of(&self, video: VideoId) -> usize {
        let stream = format!("video-{video}");
        let output = self.anb(&["log", "--stream", &stream]).output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        let events = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let ends = events.filter(|event| {
            event["type"] == "anb.video.processed" || event["data"]["final"] == true
        });
        ends.map(|event| event["headers"]["ce_id"].to_string()).collect::<HashSet<_>>().len()
    }

    /// Waits until every record of the log is folded.
    pub(crate) async fn wait_until_caught_up(&self) {
        let ends = self.log.end_offsets().await.unwrap();
        eventually("the projection has caught up", async || {
            let sql = "select partition, next_offset from checkpoints";
            let checkpoints: Vec<(i32, i64)> =
                sqlx::query_as(sql).fetch_all(&self.pool).await.unwrap();
            let folded: HashMap<u64, u64> = checkpoints
                .into_iter()
                .map(|(partition, next)| (partition as u64, next as u64))
                .collect();
            let all = (0..)
                .zip(&ends)
                .all(|(partition, end)| folded.get(&partition).copied().unwrap_or(0) >= *end);
            all.then_some(())
        })
        .await;
    }
}

async fn connect(database_url: &str) -> Pool {
    let pool = infra::database::connect(database_url, 4).await.unwrap();
    // Tests lock tables and fill them.
    pool.with_statement_timeout(TEST_TIMEOUT)
}

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("anb-e2e-").tempdir().unwrap()
}
